/**
 * Environment variables that a program can do without.
 *
 * @module
 */

/** The value of a variable; undefined where it is not set, or may not be read. */
export function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}
