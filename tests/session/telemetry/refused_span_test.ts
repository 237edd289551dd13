/** A session that cannot be set up ends the span that it began. */

import assert from "node:assert/strict";
import { type Span, trace, type TracerProvider } from "@opentelemetry/api";
import { Session } from "../../../src/session/mod.ts";
import { Passthrough } from "../rig.ts";

/** Spans that are recorded here and nowhere else. */
function recordSpans(): { readonly provider: TracerProvider; readonly open: Set<string> } {
  const open = new Set<string>();
  const provider: TracerProvider = {
    getTracer: () => ({
      startSpan: (name) => {
        open.add(name);
        const span: Span = {
          spanContext: () => ({ traceId: "1".repeat(32), spanId: "1".repeat(16), traceFlags: 1 }),
          setAttribute: () => span,
          setAttributes: () => span,
          addEvent: () => span,
          addLink: () => span,
          addLinks: () => span,
          setStatus: () => span,
          updateName: () => span,
          recordException: () => {},
          isRecording: () => open.has(name),
          end: () => void open.delete(name),
        };
        return span;
      },
      startActiveSpan: () => {
        throw new Error("a session starts its own spans");
      },
    }),
  };
  return { provider, open };
}

Deno.test("a session with options out of range ends its span", () => {
  const { provider, open } = recordSpans();
  trace.disable();
  trace.setGlobalTracerProvider(provider);
  try {
    const options = { id: "x", processor: new Passthrough(), maxQueueSize: 0 };
    assert.throws(() => new Session(options), RangeError);
    assert.deepEqual([...open], []);
  } finally {
    trace.disable();
  }
});
