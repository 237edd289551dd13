/**
 * Text on standard output: what a command was asked for.
 *
 * @module
 */

/** Writes all of a text. */
export function writeStdout(text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let offset = 0; offset < bytes.length;) {
    offset += Deno.stdout.writeSync(bytes.subarray(offset));
  }
}
