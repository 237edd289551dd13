/**
 * Runnel: a GPU runtime for live video and audio.
 *
 * @module
 */

export * from "./src/base/errors.ts";

if (import.meta.main) {
  // A library user must not load the commands, nor what they are made of.
  const { main } = await import("./src/cli/mod.ts");
  Deno.exit(await main(Deno.args));
}
