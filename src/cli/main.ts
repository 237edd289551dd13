/**
 * The commands without the library: what `./runnel` runs. It loads less than `mod.ts` does.
 *
 * @module
 */

import { exitProcess, main } from "./mod.ts";

if (import.meta.main) {
  // Nothing is awaited here, for the reason that mod.ts gives.
  void main(Deno.args).then(exitProcess);
}
