import assert from "node:assert/strict";
import { LatencyMeter, RateMeter } from "../../../src/session/telemetry/figures.ts";
import { StreamMeters } from "../../../src/session/telemetry/stream_meters.ts";

Deno.test("RateMeter measures events per second over the last five seconds", () => {
  let now = 10_000;
  const meter = new RateMeter(() => now);
  assert.equal(meter.perSecond, 0);
  for (let i = 0; i < 200; i++, now += 50) meter.mark();
  assert.ok(Math.abs(meter.perSecond - 20) <= 1, `${meter.perSecond}`);
  now += 60_000;
  assert.equal(meter.perSecond, 0);
});

Deno.test("LatencyMeter gives nearest-rank percentiles and the overall maximum", () => {
  const meter = new LatencyMeter();
  assert.deepEqual(meter.figures(), { p50: null, p95: null, max: null });
  for (let i = 100; i >= 1; i--) meter.add(i);
  assert.deepEqual(meter.figures(), { p50: 50, p95: 95, max: 100 });
  for (let i = 0; i < 2_000; i++) meter.add(1);
  assert.deepEqual(meter.figures(), { p50: 1, p95: 1, max: 100 });
});

Deno.test("StreamMeters times a frame from its arrival to its last output byte", () => {
  let now = -20;
  const meters = new StreamMeters(() => now);
  passStart(meters, () => now++);
  now = 0;
  meters.frameArrived(900);
  now = 3;
  meters.frameReached("decoded", 900);
  now = 4;
  meters.frameReached("processing", 900);
  now = 9;
  meters.frameReached("processed", 900);
  now = 15;
  meters.bytesWritten(100);
  meters.frameWritten(900);
  const { latency_ms: latency, ...rest } = meters.snapshot({});
  assert.deepEqual([latency.p50, latency.stages.decode.p50], [15, 3]);
  assert.deepEqual([latency.stages.queue.p50, latency.stages.process.p50], [1, 5]);
  assert.equal(latency.stages.encode.p50, 6);
  assert.equal(rest.frames_in, 3);
  assert.equal(rest.frames_out, 3);
  assert.equal(rest.time_to_first_frame_ms, 35);
});

Deno.test("StreamMeters shows the frames that waited for the start apart", () => {
  let now = 0;
  const meters = new StreamMeters(() => now);
  for (now = 0; now < 300; now += 30) meters.frameArrived(now);
  for (let pts = 0; pts < 270; pts += 30) {
    meters.frameWritten(pts);
    now++;
  }
  // These arrived behind them, one before and one after the first was out.
  meters.frameArrived(309);
  now = 320;
  meters.frameWritten(270);
  meters.frameWritten(309);
  const { start, ...none } = meters.snapshot({}).latency_ms;
  assert.deepEqual([none.p50, none.max, none.stages.decode.p50], [null, null, null]);
  assert.deepEqual([start.p50, start.max], [155, 300]);
  now = 330;
  meters.frameArrived(330);
  now = 334;
  meters.frameWritten(330);
  const { latency_ms } = meters.snapshot({});
  assert.deepEqual([latency_ms.p50, latency_ms.max, latency_ms.start.max], [4, 4, 300]);
  assert.equal(meters.details().latency.total.count, 12, "histograms have all frames");
});

/** Two frames until the start of the stream is over. */
function passStart(meters: StreamMeters, tick: () => void): void {
  for (const pts of [-2, -1]) {
    meters.frameArrived(pts);
    tick();
    meters.frameWritten(pts);
    tick();
  }
}

Deno.test("StreamMeters counts dropped frames by reason and in total", () => {
  const meters = new StreamMeters();
  meters.framesDropped("queue");
  meters.framesDropped("error", 2);
  meters.framesDropped("rate", 0);
  const metrics = meters.snapshot({ faces: 3 });
  assert.equal(metrics.frames_dropped, 3);
  assert.deepEqual(metrics.frames_dropped_by_reason, { queue: 1, error: 2 });
  assert.deepEqual(metrics.processor, { faces: 3 });
});

Deno.test("StreamMeters forgets frames that never come out", () => {
  const meters = new StreamMeters();
  for (let pts = 0; pts < 10_000; pts++) meters.frameArrived(pts);
  meters.frameWritten(0);
  assert.equal(meters.snapshot({}).latency_ms.start.p50, null);
  meters.frameWritten(9_999);
  assert.notEqual(meters.snapshot({}).latency_ms.start.p50, null);
});
