/** When the loading overlay is shown, with a clock that the test sets. */

import assert from "node:assert/strict";
import { VideoFrame } from "../../../src/frames/mod.ts";
import { LoadingOverlay, type OverlayOptions } from "../../../src/session/video/loading_overlay.ts";

class OverlayRig {
  now = 5_000;
  readonly overlay: LoadingOverlay;

  constructor(options: OverlayOptions = {}) {
    this.overlay = new LoadingOverlay(options, () => this.now);
  }

  /** Frames for a while; returns when the overlay was shown, in milliseconds from now. */
  frames(forMs: number, serviceMs = 0): number | undefined {
    const startMs = this.now;
    let shownMs: number | undefined;
    for (let ms = 0; ms <= forMs; ms += 50) {
      this.now = startMs + ms;
      this.overlay.frameArrived(serviceMs);
      if (this.overlay.state !== "hidden") shownMs ??= ms;
    }
    return shownMs;
  }
}

Deno.test("LoadingOverlay is shown when frames come in and nothing comes out for a while", () => {
  const rig = new OverlayRig();
  assert.equal(rig.frames(3_000), 1_500);
  assert.equal(rig.overlay.state, "automatic");
  rig.overlay.frameAnswered();
  assert.equal(rig.overlay.state, "hidden");
  assert.equal(rig.frames(3_000), 1_500);
});

Deno.test("LoadingOverlay does not count time in which no frames come in", () => {
  const rig = new OverlayRig();
  rig.now += 60_000;
  rig.overlay.frameArrived(0);
  assert.equal(rig.overlay.state, "hidden");
  rig.overlay.frameAnswered();
  rig.now += 60_000;
  rig.overlay.frameArrived(0);
  assert.equal(rig.overlay.state, "hidden");
});

Deno.test("LoadingOverlay stays away from a processor that is slow and answers", () => {
  const rig = new OverlayRig();
  for (let i = 0; i < 10; i++) {
    assert.equal(rig.frames(2_000, 2_000), undefined);
    rig.overlay.frameAnswered();
  }
  assert.equal(rig.frames(10_000, 2_000), 4_000);
});

Deno.test("LoadingOverlay is shown by hand until it is hidden by hand", () => {
  const rig = new OverlayRig();
  rig.overlay.show(true);
  assert.equal(rig.overlay.state, "by-hand");
  rig.overlay.frameAnswered();
  assert.equal(rig.overlay.state, "by-hand");
  rig.overlay.show(false);
  assert.equal(rig.overlay.state, "hidden");
});

Deno.test("LoadingOverlay that was hidden by hand comes back after the next answer", () => {
  const rig = new OverlayRig();
  rig.frames(2_000);
  rig.overlay.show(false);
  assert.equal(rig.frames(20_000), undefined);
  rig.overlay.frameAnswered();
  assert.equal(rig.frames(3_000), 1_500);
});

Deno.test("LoadingOverlay that is hidden while it is not shown still comes by itself", () => {
  const rig = new OverlayRig();
  rig.overlay.show(false);
  assert.equal(rig.frames(3_000), 1_500);
});

Deno.test("LoadingOverlay that is off is never shown", () => {
  const rig = new OverlayRig({ mode: "off" });
  assert.equal(rig.frames(10_000), undefined);
  rig.overlay.show(true);
  assert.equal(rig.overlay.state, "hidden");
});

Deno.test("LoadingOverlay waits as long as it is told", () => {
  assert.equal(new OverlayRig({ afterMs: 200 }).frames(1_000), 200);
  assert.equal(new OverlayRig({ afterMs: 0 }).frames(1_000), 0);
  for (const afterMs of [-1, NaN]) assert.throws(() => new OverlayRig({ afterMs }), RangeError);
});

Deno.test("LoadingOverlay forgets what it was told once it was shown and is over", () => {
  const rig = new OverlayRig();
  const usual = pixels(rig.overlay);
  rig.overlay.update({ message: "Switching the model", progress: 0.5 });
  // Answers while it is not shown change nothing.
  rig.overlay.frameAnswered();
  const told = pixels(rig.overlay);
  assert.notDeepEqual(told, usual);
  rig.overlay.update({ progress: 0.9 });
  assert.notDeepEqual(pixels(rig.overlay), told);
  rig.overlay.update({ progress: null, message: "Loading..." });
  assert.deepEqual(pixels(rig.overlay), usual);
  rig.overlay.update({ progress: 0.9 });
  rig.frames(3_000);
  rig.overlay.frameAnswered();
  assert.deepEqual(pixels(rig.overlay), usual);
  rig.overlay.update({ progress: 1 });
  rig.overlay.frameAnswered();
  assert.deepEqual(pixels(rig.overlay), usual);
});

Deno.test("LoadingOverlay refuses a progress that is no number", () => {
  assert.throws(() => new OverlayRig().overlay.update({ progress: NaN }), /progress of NaN/);
});

Deno.test("LoadingOverlay's screen has the time of a frame, and the shape it is asked for", () => {
  const { overlay } = new OverlayRig();
  const format = { width: 64, height: 48, color: { matrix: "bt709", fullRange: false } } as const;
  for (const pixelFormat of ["i420", "rgb24", "rgba"] as const) {
    using screen = overlay.screen(frameAt(180_000), { ...format, pixelFormat });
    assert.deepEqual([screen.timestamp, screen.timeBase.den], [180_000, 90_000]);
    assert.deepEqual([screen.width, screen.height, screen.pixelFormat], [64, 48, pixelFormat]);
    assert.deepEqual(screen.color, format.color);
  }
});

function frameAt(ptsTicks: number): VideoFrame {
  const timeBase = { num: 1, den: 90_000 };
  const data = new Uint8Array(12);
  return new VideoFrame({ pixelFormat: "rgb24", data, width: 2, height: 2, ptsTicks, timeBase });
}

function pixels(overlay: LoadingOverlay): Uint8Array {
  const color = { matrix: "bt709", fullRange: false } as const;
  const format = { pixelFormat: "rgb24", width: 128, height: 128, color } as const;
  using screen = overlay.screen(frameAt(0), format);
  return screen.data.slice();
}
