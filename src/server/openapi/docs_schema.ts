/**
 * JSON Schema in words, for the page of the API.
 *
 * @module
 */

import type { OpenApiDocument } from "./document.ts";
import type { JsonSchema } from "../../worker/mod.ts";

/** A field of a body. */
export interface FieldRow {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly required: boolean;
}

/** Deepest field that is shown: `current_state.state` is 2. */
const MAX_DEPTH = 3;

const REFERENCE = /^#\/components\/schemas\/([^/]+)$/;

/** Makes a text safe inside elements and quoted attributes. */
export function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The schema of a name; undefined for none. */
export function schemaNamed(document: OpenApiDocument, name: string): JsonSchema | undefined {
  const { schemas } = document.components;
  return Object.hasOwn(schemas, name) ? schemas[name] : undefined;
}

/** The fields of a schema, those of objects below it as `a.b`. */
export function fieldRows(document: OpenApiDocument, schema: JsonSchema): FieldRow[] {
  return rowsBelow(document, schema, "", 1);
}

function rowsBelow(
  document: OpenApiDocument,
  schema: JsonSchema,
  before: string,
  depth: number,
): FieldRow[] {
  const { properties, required } = resolve(document, schema);
  if (!isObject(properties) || depth > MAX_DEPTH) return [];
  const names = Array.isArray(required) ? required : [];
  return Object.entries(properties).flatMap(([key, value]) => {
    const field: JsonSchema = isObject(value) ? value : {};
    const name = before + key;
    const description = field["description"] ?? resolve(document, field)["description"];
    const row: FieldRow = {
      name,
      type: typeName(field),
      description: typeof description === "string" ? withDefault(description, field) : "",
      required: names.includes(key),
    };
    return [row, ...rowsBelow(document, objectOf(field), `${name}.`, depth + 1)];
  });
}

function withDefault(description: string, field: JsonSchema): string {
  return field["default"] === undefined
    ? description
    : `${description} Default: ${JSON.stringify(field["default"])}.`;
}

/** The object among several shapes, whose fields are worth showing. */
function objectOf(schema: JsonSchema): JsonSchema {
  const shapes = [schema["anyOf"], schema["oneOf"]].find(Array.isArray) ?? [];
  const object: unknown = shapes.find((shape: unknown) =>
    isObject(shape) && ("properties" in shape || "$ref" in shape)
  );
  return isObject(object) ? object : schema;
}

function resolve(document: OpenApiDocument, schema: JsonSchema): JsonSchema {
  const reference = schema["$ref"];
  const name = typeof reference === "string" ? REFERENCE.exec(reference)?.[1] : undefined;
  return name === undefined ? schema : schemaNamed(document, name) ?? schema;
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A type in a few words: `number or string`, `"a" | "b"`, the name of a schema. */
export function typeName(schema: JsonSchema): string {
  const { $ref: reference, type, enum: values, const: value, anyOf, oneOf, items } = schema;
  if (typeof reference === "string") return REFERENCE.exec(reference)?.[1] ?? "object";
  if (Array.isArray(values)) return values.map((item) => JSON.stringify(item)).join(" | ");
  if (value !== undefined) return JSON.stringify(value);
  const shapes = [anyOf, oneOf].find(Array.isArray);
  if (shapes !== undefined) {
    const names = shapes.map((shape: unknown) => isObject(shape) ? typeName(shape) : "anything");
    return [...new Set(names)].join(" or ");
  }
  if (Array.isArray(type)) return type.join(" or ");
  if (type === "array") return `array of ${isObject(items) ? typeName(items) : "anything"}`;
  return typeof type === "string" ? type + rangeOf(schema) : "anything";
}

function rangeOf({ type, minimum, maximum }: JsonSchema): string {
  const isNumber = type === "number" || type === "integer";
  const low = typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER;
  const high = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER;
  if (!isNumber || !low && !high) return "";
  if (low && high) return `, ${minimum} to ${maximum}`;
  return low ? `, from ${minimum}` : `, up to ${maximum}`;
}
