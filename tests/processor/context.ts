import { roomLogger } from "../../src/base/mod.ts";
import type { ProcessorContext } from "../../src/processor/mod.ts";

/** What a processor gets at its start; what it publishes goes nowhere. */
export function quietContext(): ProcessorContext {
  return {
    params: {},
    log: roomLogger("test"),
    signal: new AbortController().signal,
    sendData: () => {},
    sendEvent: () => {},
    reportProgress: () => {},
  };
}
