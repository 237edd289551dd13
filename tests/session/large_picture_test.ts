import assert from "node:assert/strict";
import { Session, type SessionEvent } from "../../src/session/mod.ts";
import type { TsEvent } from "../../src/media/mpegts/mod.ts";
import { within } from "../waiting.ts";
import { MemorySink } from "./in_memory.ts";
import { Passthrough } from "./rig.ts";

const HUGE = {
  kind: "video",
  codec: "h264",
  width: 16_384,
  height: 8_192,
  reorderDepth: 0,
  color: { matrix: "bt709", fullRange: false },
} as const;

Deno.test("pictures that are too large are refused once, with an error, and counted", async () => {
  async function* events(): AsyncGenerator<TsEvent> {
    yield { kind: "streams", video: HUGE, unsupported: [] };
    for (let i = 0; i < 3; i++) {
      const packet = { ptsTicks: i * 3000, dtsTicks: i * 3000, keyframe: true };
      yield {
        kind: "packet",
        stream: "video",
        packet: { ...packet, kind: "video", data: new Uint8Array(100) },
      };
      yield { kind: "streams", video: HUGE, unsupported: [] };
    }
  }
  const errors: string[] = [];
  const onEvent = (event: SessionEvent): void => {
    if (event.type === "error") errors.push(`${event.stage}: ${event.error.message}`);
  };
  await using session = new Session({
    id: "test",
    processor: new Passthrough(),
    media: { events: events(), close: () => {} },
    sink: new MemorySink(),
    onEvent,
  });
  session.start();
  await within(session.ended, "the end");
  assert.deepEqual(errors, [
    "input: Cannot decode pictures of 16384x8192: they have more than 35389440 pixels; " +
    "publish smaller ones",
  ]);
  const { frames_in, frames_dropped_by_reason } = session.metrics();
  assert.equal(frames_in, 3);
  assert.deepEqual(frames_dropped_by_reason, { decoder: 3 });
  assert.equal(session.codecPids.encoder, undefined);
});
