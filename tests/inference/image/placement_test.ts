import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { ImageInput } from "../../../src/inference/image/find_tensors.ts";
import { outputPicture, placeFrame } from "../../../src/inference/image/placement.ts";

function input(fields: Partial<ImageInput> = {}): ImageInput {
  return {
    name: "x",
    spec: { layout: "nchw", channels: 3, dtype: "float32", channelOrder: "rgb", range: "0-1" },
    width: undefined,
    height: undefined,
    multipleOf: 1,
    fit: "pad",
    background: [0, 0, 0],
    ...fields,
  };
}

const size = (width: number, height: number) => ({ width, height });
const rect = (x: number, y: number, width: number, height: number) => ({ x, y, width, height });

Deno.test("placeFrame() takes the frame's size, rounded up and padded", () => {
  deepStrictEqual(placeFrame(input(), size(35, 21)), {
    size: size(35, 21),
    crop: rect(0, 0, 35, 21),
    inner: rect(0, 0, 35, 21),
  });
  deepStrictEqual(placeFrame(input({ multipleOf: 8 }), size(35, 21)), {
    size: size(40, 24),
    crop: rect(0, 0, 35, 21),
    inner: rect(2, 1, 35, 21),
  });
});

Deno.test("placeFrame() keeps the proportions where one side is given", () => {
  const wide = placeFrame(input({ width: 640, fit: "letterbox" }), size(1920, 1080));
  deepStrictEqual(wide.size, size(640, 360));
  const high = placeFrame(input({ height: 48, fit: "letterbox", multipleOf: 32 }), size(500, 100));
  deepStrictEqual(high.size, size(256, 48));
  strictEqual(placeFrame(input({ width: 10 }), size(5000, 2)).size.height, 1);
});

Deno.test("placeFrame() letterboxes into a fixed size", () => {
  const fixed = input({ width: 96, height: 64, fit: "letterbox" });
  deepStrictEqual(placeFrame(fixed, size(144, 48)).inner, rect(0, 16, 96, 32));
  deepStrictEqual(placeFrame(fixed, size(10, 20)).inner, rect(32, 0, 32, 64));
});

Deno.test("outputPicture() finds the frame in an output of any scale", () => {
  const placement = placeFrame(input({ multipleOf: 8 }), size(35, 21));
  const of = (tensor: ReturnType<typeof size>, wanted?: "model" | "frame") =>
    outputPicture({ size: wanted }, { tensor, frame: size(35, 21), placement });
  deepStrictEqual(of(size(40, 24)), { crop: rect(2, 1, 35, 21), width: 35, height: 21 });
  deepStrictEqual(of(size(80, 48)), { crop: rect(4, 2, 70, 42), width: 70, height: 42 });
  deepStrictEqual(of(size(20, 12)), { crop: rect(1, 1, 18, 10), width: 18, height: 10 });
  deepStrictEqual(of(size(80, 48), "frame"), { crop: rect(4, 2, 70, 42), width: 35, height: 21 });
  deepStrictEqual(of(size(1, 1)), { crop: rect(0, 0, 1, 1), width: 1, height: 1 });
});

Deno.test("outputPicture() gives a scaled frame its own size back", () => {
  const fixed = input({ width: 96, height: 64, fit: "letterbox" });
  const frame = size(144, 48);
  const placement = placeFrame(fixed, frame);
  const tensor = size(192, 128);
  deepStrictEqual(outputPicture({ size: undefined }, { tensor, frame, placement }), {
    crop: rect(0, 32, 192, 64),
    ...frame,
  });
  deepStrictEqual(outputPicture({ size: "model" }, { tensor, frame, placement }), {
    crop: rect(0, 32, 192, 64),
    ...size(192, 64),
  });
});

Deno.test("outputPicture() takes all of an output that is not of a placed frame", () => {
  const [tensor, frame] = [size(50, 40), size(100, 80)];
  const whole = { crop: rect(0, 0, 50, 40) };
  const without = { tensor, frame, placement: undefined };
  deepStrictEqual(outputPicture({ size: undefined }, without), { ...whole, ...tensor });
  deepStrictEqual(outputPicture({ size: "frame" }, without), { ...whole, ...frame });
});
