/**
 * The schemas of the API's document: zod's, turned into JSON Schema once each.
 *
 * @module
 */

import type { ZodType } from "zod";
import { type JsonSchema, toJsonSchema } from "../../worker/mod.ts";
import { paramsBody, startBody } from "../api/schemas.ts";

/** Schemas by name, and references to them. */
export class SchemaCollection {
  readonly #names = new Map<ZodType, string>();
  readonly #schemas: Record<string, JsonSchema> = {};
  readonly #ownParams: JsonSchema;

  /** Begins with the parameters of a stream: Runnel's, and the processor's where it names them. */
  constructor(paramsSchema: JsonSchema = {}) {
    this.#ownParams = withReferencesBelow(paramsSchema, "Params");
  }

  /** All that were asked for. */
  get all(): Readonly<Record<string, JsonSchema>> {
    return this.#schemas;
  }

  /** A reference to a schema, which is added where it is new. */
  reference(schema: ZodType): JsonSchema {
    const name = this.#names.get(schema) ?? this.#add(schema);
    return { $ref: `#/components/schemas/${name}` };
  }

  #add(schema: ZodType): string {
    const title = schema.meta()?.title?.replace(/[^\w.-]/g, "") || "Body";
    let name = title;
    for (let i = 2; name in this.#schemas; i++) name = `${title}${i}`;
    this.#names.set(schema, name);
    this.#schemas[name] = {}; // taken, before the schemas below it ask for names
    const converted = withReferencesBelow(toJsonSchema(schema), name);
    this.#schemas[name] = this.#withProcessorParams(schema, converted);
    return name;
  }

  #withProcessorParams(schema: ZodType, converted: JsonSchema): JsonSchema {
    if (schema === paramsBody) return this.#mergeParams(converted);
    if (schema !== startBody) return converted;
    const properties = converted["properties"] as Record<string, JsonSchema>;
    const params = this.reference(paramsBody);
    // Absent, null, an object, or an object in a string: what `passedParams` takes.
    const description = "Parameters; keys that are not Runnel's are the processor's.";
    const passed = { anyOf: [params, { type: ["null", "string"] }], description };
    const required = (converted["required"] as readonly string[]).filter((key) => key !== "params");
    return { ...converted, properties: { ...properties, params: passed }, required };
  }

  /** An update may name a few parameters only, so that none is required. */
  #mergeParams(runnels: JsonSchema): JsonSchema {
    const { $defs, properties } = this.#ownParams;
    if (typeof properties !== "object") return runnels;
    return {
      ...runnels,
      properties: { ...properties, ...runnels["properties"] as object },
      ...($defs === undefined ? {} : { $defs }),
    };
  }
}

/** References to the schema's own parts, which now stand deeper in a document. */
function withReferencesBelow(schema: JsonSchema, name: string): JsonSchema {
  return rebased(schema, `#/components/schemas/${name}`) as JsonSchema;
}

function rebased(value: unknown, base: string): unknown {
  if (Array.isArray(value)) return value.map((item) => rebased(item, base));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const isReference = key === "$ref" && typeof item === "string" && item.startsWith("#");
      return [key, isReference ? base + item.slice(1) : rebased(item, base)];
    }),
  );
}
