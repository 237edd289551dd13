/**
 * The document of the API (OpenAPI 3.1), made from what the endpoints say of themselves.
 *
 * @module
 */

import { STATUS_TEXT, type StatusCode } from "@std/http/status";
import { errorBody } from "../api/answer_schemas.ts";
import type { AnswerDoc, EndpointDoc, ParameterDoc } from "./endpoint_doc.ts";
import type { JsonSchema } from "../../worker/mod.ts";
import { SchemaCollection } from "./schema_collection.ts";
import { type CustomRoute, type Endpoint, methodsOf } from "../http/route_table.ts";

/** An operation of the document. */
export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly JsonSchema[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { description: string; content?: Content }>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  /** The first of several paths that do the same; absent on that one itself. */
  readonly "x-alias-of"?: string;
}

/** Bodies by content type. */
export type Content = Readonly<
  Record<string, { readonly schema?: JsonSchema; readonly example?: unknown }>
>;

/** The document: https://spec.openapis.org/oas/v3.1.1 */
export interface OpenApiDocument {
  readonly openapi: "3.1.1";
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes?: Readonly<Record<string, JsonSchema>>;
  };
}

/** What {@linkcode createOpenApi} describes. */
export interface OpenApiSources {
  readonly title: string;
  readonly version: string;
  readonly prefix: string;
  readonly endpoints: readonly Endpoint[];
  readonly routes: readonly CustomRoute[];
  /** Whether secured endpoints ask for a token. */
  readonly hasToken: boolean;
  /** Whether the routes of the application do so as well. @default {false} */
  readonly areRoutesSecured?: boolean;
  /** The parameters of the processor. */
  readonly paramsSchema?: JsonSchema | undefined;
}

const SECURITY_SCHEME = "token";

const NO_TOKEN: AnswerDoc = { description: "The token is missing or wrong.", schema: errorBody };

/** Makes the document. */
export function createOpenApi(sources: OpenApiSources): OpenApiDocument {
  const { title, version, prefix, endpoints, routes, hasToken, paramsSchema } = sources;
  const securedBy = (isSecured: boolean): Partial<Operation> =>
    hasToken && isSecured ? { security: [{ [SECURITY_SCHEME]: [] }] } : {};
  const schemas = new SchemaCollection(paramsSchema);
  const paths: Record<string, Record<string, Operation>> = {};
  const tags = new Set<string>();
  const operationIds = new Set<string>();
  const add = (path: string, method: string, doc: EndpointDoc, more: Partial<Operation>) => {
    const ownId = operationId(method, path);
    let id = ownId;
    for (let i = 2; operationIds.has(id); i++) id = `${ownId}_${i}`;
    operationIds.add(id);
    const operation = operationOf({ id, path, doc, schemas, more });
    operation.tags.forEach((tag) => tags.add(tag));
    (paths[templateOf(path)] ??= {})[method.toLowerCase()] = operation;
  };
  for (const { method, paths: all, doc, secured } of endpoints) {
    if (doc === undefined) continue;
    const security = securedBy(secured === true);
    for (const path of all) {
      add(path, method, doc, {
        ...security,
        ...(path === all[0] ? {} : { "x-alias-of": all[0]! }),
      });
    }
  }
  for (const route of routes) {
    if (route.doc === undefined) continue;
    const security = securedBy(sources.areRoutesSecured === true);
    for (const method of methodsOf(route)) add(route.path, method, route.doc, security);
  }
  return {
    openapi: "3.1.1",
    info: { title, version, description: "A worker for live video and audio, served by Runnel." },
    servers: [{ url: prefix === "" ? "/" : prefix }],
    tags: [...tags].map((name) => ({ name })),
    paths,
    components: {
      schemas: schemas.all,
      ...(hasToken
        ? { securitySchemes: { [SECURITY_SCHEME]: { type: "http", scheme: "bearer" } } }
        : {}),
    },
  };
}

interface OperationSources {
  readonly id: string;
  readonly path: string;
  readonly doc: EndpointDoc;
  readonly schemas: SchemaCollection;
  readonly more: Partial<Operation>;
}

function operationOf({ id, path, doc, schemas, more }: OperationSources): Operation {
  const { summary, description, tag = "application", request, example, parameters = [] } = doc;
  const named = pathParameters(path);
  const body = request === undefined ? undefined : {
    required: true,
    content: {
      "application/json": {
        schema: schemas.reference(request),
        ...(example === undefined ? {} : { example }),
      },
    },
  };
  const all = [...named, ...parameters.map(headerOrQuery)];
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [tag],
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: responsesOf(doc, schemas, more.security !== undefined),
    ...more,
  };
}

function responsesOf(
  doc: EndpointDoc,
  schemas: SchemaCollection,
  isSecured: boolean,
): Operation["responses"] {
  const answers = { ...doc.answers ?? { 200: { description: "It worked." } } };
  if (isSecured) answers[401] = NO_TOKEN;
  const entries = Object.entries(answers).map(([status, { description, schema, contentType }]) => {
    const type = contentType ?? (schema === undefined ? undefined : "application/json");
    const body = schema === undefined ? {} : { schema: schemas.reference(schema) };
    const text = description || (STATUS_TEXT[Number(status) as StatusCode] ?? "");
    return [status, {
      description: text,
      ...(type === undefined ? {} : { content: { [type]: body } }),
    }];
  });
  return Object.fromEntries(entries);
}

function headerOrQuery(
  { name, in: where, description, required = false }: ParameterDoc,
): JsonSchema {
  return { name, in: where, description, required, schema: { type: "string" } };
}

/** `/faces/:id{[0-9]+}` and `/files/*` as `/faces/{id}` and `/files/{rest}`. */
function templateOf(path: string): string {
  return path.replace(/:(\w+)(\{[^}]*\})?\??/g, "{$1}").replace(/\*$/, "{rest}");
}

function pathParameters(path: string): JsonSchema[] {
  return [...templateOf(path).matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function operationId(method: string, path: string): string {
  const words = templateOf(path).split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  return [method.toLowerCase(), ...words].join("_");
}
