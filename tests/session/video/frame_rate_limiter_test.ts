import assert from "node:assert/strict";
import { MPEG_TIME_BASE } from "../../../src/base/mod.ts";
import { FrameRateLimiter } from "../../../src/session/video/frame_rate_limiter.ts";

/** Timestamps of `count` frames at `fps`, rounded to ticks of 90 kHz. */
function timestamps(fps: number, count: number, start = 126_000): number[] {
  return Array.from({ length: count }, (_, i) => start + Math.round(i * 90_000 / fps));
}

function accepted(limiter: FrameRateLimiter, pts: number[]): number[] {
  return pts.filter((ticks) => limiter.accept(ticks, MPEG_TIME_BASE));
}

Deno.test("FrameRateLimiter keeps every frame at or below the cap", () => {
  for (const fps of [1, 15, 23.976, 24]) {
    assert.equal(
      accepted(new FrameRateLimiter(24), timestamps(fps, 200)).length,
      200,
      `${fps} fps`,
    );
  }
  assert.equal(accepted(new FrameRateLimiter(Infinity), timestamps(240, 500)).length, 500);
});

Deno.test("FrameRateLimiter thins out faster streams to the cap, evenly", () => {
  for (const [fps, cap] of [[30, 24], [60, 24], [60, 30], [25, 24], [50, 7]] as const) {
    const kept = accepted(new FrameRateLimiter(cap), timestamps(fps, fps * 10));
    assert.ok(Math.abs(kept.length - cap * 10) <= 1, `${fps}->${cap} kept ${kept.length}`);
    const gaps = kept.slice(1).map((pts, i) => pts - kept[i]!);
    assert.ok(Math.max(...gaps) <= 90_000 / cap + 90_000 / fps, `${fps}->${cap} gap`);
  }
});

Deno.test("FrameRateLimiter does not lose frames to rounded timestamps", () => {
  const milliseconds = Array.from({ length: 240 }, (_, i) => Math.round(i * 1000 / 24) * 90);
  assert.equal(accepted(new FrameRateLimiter(24), milliseconds).length, 240);
});

Deno.test("FrameRateLimiter resets its phase after a pause and after a jump back", () => {
  const limiter = new FrameRateLimiter(10);
  assert.equal(accepted(limiter, timestamps(30, 30)).length, 10);
  assert.equal(accepted(limiter, timestamps(30, 30, 10_000_000)).length, 10);
  assert.equal(accepted(limiter, timestamps(30, 30, 0)).length, 10);
});

Deno.test("FrameRateLimiter follows a cap that changes mid-stream", () => {
  const limiter = new FrameRateLimiter(30);
  const pts = timestamps(30, 90);
  assert.equal(accepted(limiter, pts.slice(0, 30)).length, 30);
  limiter.setMaxFps(5);
  assert.equal(accepted(limiter, pts.slice(30, 60)).length, 5);
  limiter.setMaxFps(30);
  assert.equal(accepted(limiter, pts.slice(60)).length, 30);
});

Deno.test("FrameRateLimiter refuses a rate that is not above zero", () => {
  for (const rate of [0, -1, NaN]) assert.throws(() => new FrameRateLimiter(rate), RangeError);
});
