import assert from "node:assert/strict";
import { TrickleError } from "../../src/base/mod.ts";
import { SegmentOutput } from "../../src/session/output/segment_output.ts";
import { StreamMeters } from "../../src/session/telemetry/stream_meters.ts";
import type { SegmentSink } from "../../src/trickle/mod.ts";

Deno.test("an output that is aborted does not take its own end for somebody else's", async () => {
  const closed = new TrickleError("TRICKLE_CLOSED", "Cannot publish: the publisher is closed");
  const writing = Promise.withResolvers<void>();
  const stuck = Promise.withResolvers<void>();
  const sink: SegmentSink = {
    next: () =>
      Promise.resolve({
        seq: 0,
        write: () => {
          writing.resolve();
          return stuck.promise;
        },
        close: () => Promise.resolve(),
        abandon: () => Promise.resolve(),
      }),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(stuck.reject(closed)),
  };
  const reported: Error[] = [];
  const meters = new StreamMeters();
  const output = new SegmentOutput({
    sink,
    meters,
    audioSegmentSeconds: 1,
    onFirstSegment: () => {},
    onSegmentError: (error) => reported.push(error),
    onClosed: (error) => reported.push(error),
  });
  output.configure({ video: true, audio: undefined });
  const data = new Uint8Array([0, 0, 0, 1, 0x65]);
  await output.write({
    kind: "video",
    data,
    ptsTicks: 0,
    dtsTicks: 0,
    keyframe: true,
  });
  await writing.promise;
  await output[Symbol.asyncDispose]();
  assert.deepEqual(reported, []);
  assert.deepEqual(meters.snapshot({}).frames_dropped_by_reason, { output: 1 });
  assert.equal(meters.snapshot({}).segments_lost, 1);
});
