import assert from "node:assert/strict";
import {
  fillRects,
  loadingScreen,
  type LoadingScreenOptions,
  type Overlay,
  overlayRects,
  type OverlayText,
  type Picture,
  yuvPlanes,
} from "../../../src/frames/mod.ts";

const SIZES = [[64, 48], [256, 256], [512, 512], [1280, 720], [720, 1280], [161, 91]] as const;

type Options = Partial<LoadingScreenOptions>;

function screen(options: Options = {}): Overlay {
  return loadingScreen({ width: 512, height: 512, message: "Loading...", seconds: 0, ...options });
}

/** The screen drawn over noise. */
function drawn(options: Options = {}): Picture {
  const { width = 512, height = 512 } = options;
  const chroma = Math.ceil(width / 2) * Math.ceil(height / 2);
  const data = new Uint8Array(width * height + 2 * chroma);
  for (let i = 0; i < data.length; i++) data[i] = (i * 7919) % 256;
  const picture: Picture = { pixelFormat: "i420", data, width, height };
  fillRects(picture, overlayRects(screen(options)));
  return picture;
}

function texts(overlay: Overlay): OverlayText[] {
  return overlay.filter((item) => item.kind === "text");
}

function brightRows({ width, data }: Picture, from: number, to: number): number {
  let bright = 0;
  for (let row = from; row < to; row++) {
    if (data.subarray(row * width, (row + 1) * width).some((value) => value > 180)) bright++;
  }
  return bright;
}

Deno.test("loadingScreen leaves nothing of the picture below", () => {
  for (const [width, height] of SIZES) {
    const { y, u, v } = yuvPlanes(drawn({ width, height }));
    // Few colours, each many times; noise has all of them.
    for (const plane of [y, u, v]) assert.ok(new Set(plane.data).size <= 5, `${width}x${height}`);
    assert.equal(y.data[0], y.data.at(-1));
  }
});

Deno.test("loadingScreen has its message in the picture's middle, whole, at every size", () => {
  for (const [width, height] of SIZES) {
    const [message, ...others] = texts(screen({ width, height }));
    assert.equal(message?.text, "Loading...");
    assert.deepEqual(others, []);
    const rects = overlayRects([message]);
    const left = Math.min(...rects.map(({ x }) => x));
    const right = Math.max(...rects.map((rect) => rect.x + rect.width));
    assert.ok(left >= 0 && right <= width, `${left} to ${right} of ${width}`);
    assert.ok(Math.abs((left + right) - width) <= 4, `${left} to ${right} of ${width}`);
    const picture = drawn({ width, height });
    assert.ok(brightRows(picture, Math.floor(height / 4), Math.ceil(height * 0.75)) >= 5);
    assert.equal(brightRows(picture, 0, Math.floor(height / 8)), 0);
  }
});

Deno.test("loadingScreen breaks a long message, draws it smaller, and cuts what is too long", () => {
  const words = "Loading the model, which takes a minute or two the first time";
  const lines = texts(screen({ message: words }));
  assert.ok(lines.length > 1);
  assert.equal(lines.map(({ text }) => text).join(" "), words);
  const endless = texts(screen({ width: 256, height: 256, message: "wait and ".repeat(100) }));
  assert.equal(endless.length, 3);
  assert.match(endless[2]!.text, /\.\.\.$/);
  const unbroken = texts(screen({ width: 256, height: 256, message: "x".repeat(60) }));
  assert.equal(unbroken.map(({ text }) => text).join(""), "x".repeat(60));
});

Deno.test("loadingScreen keeps the lines of a message, and shows a bar without one", () => {
  assert.deepEqual(texts(screen({ message: "one\ntwo" })).map(({ text }) => text), ["one", "two"]);
  assert.doesNotThrow(() => drawn({ message: "" }));
});

Deno.test("loadingScreen shows a known progress as a bar and a number", () => {
  const filledTo = (progress: number): number => {
    const { width, height, data } = drawn({ progress, message: "" });
    let most = 0;
    for (let row = 0; row < height / 2 + 10; row++) {
      const pixels = data.subarray(row * width, (row + 1) * width);
      most = Math.max(most, pixels.filter((value) => value > 120 && value < 180).length);
    }
    return most;
  };
  assert.equal(filledTo(0), 0);
  assert.equal(filledTo(0.5), 128);
  assert.equal(filledTo(1), 256);
  assert.equal(filledTo(7), 256);
  assert.equal(texts(screen({ progress: 0.424 })).at(-1)?.text, "42%");
});

Deno.test("loadingScreen moves while the progress is unknown, and stays within the bar", () => {
  const places = Array.from({ length: 48 }, (_, i) => {
    const fills = screen({ seconds: i / 20 }).filter((item) => item.kind === "fill");
    const moving = fills.at(-1)!;
    assert.ok(moving.x >= 128 && moving.x + moving.width <= 384, `at ${moving.x}`);
    return moving.x;
  });
  assert.ok(new Set(places).size > 20);
  assert.deepEqual([places[0], Math.max(...places)], [128, places[24]]);
});
