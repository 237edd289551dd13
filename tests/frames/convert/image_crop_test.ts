import assert from "node:assert/strict";
import { imageToTensor, type Picture, scalePicture, VideoFrame } from "../../../src/frames/mod.ts";
import { gpuTest } from "../../gpu/gpu_case.ts";

const WIDTH = 24;
const HEIGHT = 18;

/** A picture of which every pixel differs. */
function picture(): Picture {
  const data = new Uint8Array(WIDTH * HEIGHT * 3);
  for (let at = 0; at < data.length; at++) data[at] = (at * 7) % 251;
  return { pixelFormat: "rgb24", data, width: WIDTH, height: HEIGHT };
}

function frameOf(source: Picture): VideoFrame {
  return new VideoFrame({ ...source, ptsTicks: 0, timeBase: { num: 1, den: 90_000 } });
}

/** The pixels of a part, copied by hand. */
function cut(source: Picture, rect: { x: number; y: number; width: number; height: number }) {
  const data = new Uint8Array(rect.width * rect.height * 3);
  for (let row = 0; row < rect.height; row++) {
    const from = ((rect.y + row) * source.width + rect.x) * 3;
    data.set(source.data.subarray(from, from + rect.width * 3), row * rect.width * 3);
  }
  return { ...source, data, width: rect.width, height: rect.height };
}

const PART = { x: 5, y: 3, width: 12, height: 9 };

Deno.test("imageToTensor() takes a part of a picture, as large as it is", () => {
  const tensor = imageToTensor(picture(), { crop: PART, layout: "hwc", dtype: "uint8" });
  assert.deepEqual(tensor.dims, [9, 12, 3]);
  assert.deepEqual(tensor.data, cut(picture(), PART).data);
});

for (const fit of ["stretch", "cover", "letterbox"] as const) {
  Deno.test(`imageToTensor() scales a part as if it were the picture, by ${fit}`, () => {
    const options = { width: 20, height: 10, fit, background: [9, 8, 7] } as const;
    const whole = imageToTensor(cut(picture(), PART), options);
    const part = imageToTensor(picture(), { ...options, crop: PART });
    const expected = whole.data as Float32Array;
    (part.data as Float32Array).forEach((value, at) =>
      assert.ok(Math.abs(value - expected[at]!) < 1e-6, `${at}: ${value} ${expected[at]}`)
    );
    assert.deepEqual(
      scalePicture(picture(), { ...options, crop: PART }).data,
      scalePicture(cut(picture(), PART), options).data,
    );
  });
}

Deno.test("imageToTensor() refuses a part that is not inside the picture", () => {
  for (const crop of [{ ...PART, x: 13 }, { ...PART, y: -1 }, { ...PART, width: 0 }]) {
    assert.throws(() => imageToTensor(picture(), { crop }), RangeError);
  }
});

gpuTest("a frame on the GPU gives the same part as in CPU memory", async () => {
  using frame = await frameOf(picture()).to("gpu");
  const crop = { x: 4.5, y: 2.25, width: 13.5, height: 10.75 };
  for (const fit of ["stretch", "cover", "letterbox"] as const) {
    for (const size of [{}, { width: 20, height: 10 }]) {
      const options = { crop, fit, ...size };
      const expected = imageToTensor(picture(), options);
      const actual = frame.gpuTensor(options);
      assert.deepEqual(actual.dims, expected.dims);
      const numbers = await actual.getData() as Float32Array;
      (expected.data as Float32Array).forEach((value, at) =>
        assert.ok(Math.abs(value - numbers[at]!) < 1e-4, `${fit} ${at}: ${numbers[at]} ${value}`)
      );
    }
  }
});
