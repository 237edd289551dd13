/**
 * What zod's schemas accept, as JSON Schema.
 *
 * @module
 */

import { z, type ZodType } from "zod";
import type { ParamsSchema } from "../processor/mod.ts";

/** A JSON Schema, or another object of the API's document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a schema accepts; what JSON Schema cannot say is left open. */
export function toJsonSchema(schema: ZodType): JsonSchema {
  const converted = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  const { $schema: _dialect, "~standard": _standard, ...rest } = converted as JsonSchema;
  return rest;
}

/** What a processor's schema accepts; undefined without one, and for one of another library than zod. */
export function paramsJsonSchema(schema: ParamsSchema | undefined): JsonSchema | undefined {
  return schema instanceof z.ZodType ? toJsonSchema(schema) : undefined;
}
