/**
 * What an endpoint says of itself in `/openapi.json`.
 *
 * @module
 */

import type { ZodType } from "zod";

/** A header or query parameter of an endpoint. */
export interface ParameterDoc {
  readonly name: string;
  readonly in: "header" | "query";
  readonly description: string;
  /** @default {false} */
  readonly required?: boolean;
}

/** One answer of an endpoint. */
export interface AnswerDoc {
  readonly description: string;
  /** Schema of a JSON body; without it the body is not described. */
  readonly schema?: ZodType;
  /** Type of a body that is not JSON. */
  readonly contentType?: string;
}

/** What `/openapi.json` and `/docs` say of an endpoint. */
export interface EndpointDoc {
  /** One line, without a full stop. */
  readonly summary: string;
  readonly description?: string;
  /** Heading under which it stands. @default {"application"} */
  readonly tag?: string;
  /** Schema of a JSON request body: its input side is described. */
  readonly request?: ZodType;
  /** A body that works, shown with the schema. */
  readonly example?: unknown;
  readonly parameters?: readonly ParameterDoc[];
  /** Answers by status; 200 without a body where none are given. */
  readonly answers?: Readonly<Record<number, AnswerDoc>>;
}
