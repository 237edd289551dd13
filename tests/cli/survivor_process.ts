/**
 * A process with errors that nobody catches; says that it is alive when it outlives them.
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { callUserCode } from "../../src/base/mod.ts";
import { RejectionSurvivor } from "../../src/cli/rejection_survivor.ts";
import { importProcessor } from "../../src/processor/mod.ts";
import { checkDataText } from "../../src/session/mod.ts";

/** Called by a timer, Runnel's functions have nobody else in their stack. */
const ERRORS: Readonly<Record<string, () => void>> = {
  "a rejection of Runnel": () => void setTimeout(importProcessor, 0, { module: "no URL" }),
  "an error of Runnel": () => void setTimeout(checkDataText, 0, 5),
  "a rejection of a processor": () => void Promise.reject(new Error("of a processor")),
  "a rejection without an error": () => void Promise.reject("of a processor"),
  "an error of a processor": () =>
    void setTimeout(() => {
      throw new Error("of a processor");
    }),
  "a call of Runnel that a processor does not await": () =>
    void importProcessor({ module: "no URL" }),
  "a timer of a processor that calls Runnel": () =>
    void callUserCode(() => setTimeout(importProcessor, 0, { module: "no URL" })),
};

if (import.meta.main) {
  using _survivor = new RejectionSurvivor();
  ERRORS[Deno.args[0]!]!();
  await new Promise((resolve) => setTimeout(resolve, 100));
  console.log("alive");
}
