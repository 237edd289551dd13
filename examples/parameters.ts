/**
 * Parameters of the examples, as they come over REST.
 *
 * @module
 */

import type { z } from "zod";

/** The parameters that a schema names; others belong to somebody else. Throws a `RangeError`. */
export function parseParameters<Schema extends z.ZodType>(
  schema: Schema,
  params: unknown,
): z.infer<Schema> {
  const result = schema.safeParse(params);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new RangeError(`Cannot take the parameters: ${problems.join("; ")}`);
}
