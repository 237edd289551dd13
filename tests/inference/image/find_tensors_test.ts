import { deepStrictEqual, match, strictEqual, throws } from "node:assert/strict";
import { Tensor } from "onnxruntime-common";
import { ModelError } from "../../../src/base/mod.ts";
import { makeExtraFeeds } from "../../../src/inference/image/extra_feeds.ts";
import type { Dim } from "../../../src/gpu/mod.ts";
import { findImageInput, findImageOutput } from "../../../src/inference/image/find_tensors.ts";
import type { ImageInputOptions } from "../../../src/inference/image/options.ts";
import type { ModelTensorInfo } from "../../../src/inference/runtime/tensor_info.ts";
import type { ModelInfo } from "../../../src/inference/image/tensor_search.ts";

const RGB = [1, 3, "height", "width"] as const;

function tensor(dims: readonly Dim[], name = "x", type = "float32"): ModelTensorInfo {
  return { name, type, dims };
}

function model(inputs: readonly ModelTensorInfo[], outputs = [tensor(RGB, "y")]): ModelInfo {
  return { name: "test.onnx", inputs, outputs };
}

function refused(run: () => unknown, code: string, ...patterns: RegExp[]): void {
  throws(run, (error) => {
    if (!(error instanceof ModelError)) throw error;
    strictEqual(error.code, code);
    for (const pattern of patterns) match(error.message, pattern);
    return true;
  });
}

Deno.test("findImageInput() reads a model with a dynamic size", () => {
  deepStrictEqual(findImageInput(model([tensor(RGB)])), {
    name: "x",
    spec: { layout: "nchw", channels: 3, dtype: "float32", channelOrder: "rgb", range: "0-1" },
    width: undefined,
    height: undefined,
    multipleOf: 1,
    fit: "pad",
    background: [0, 0, 0],
  });
});

Deno.test("findImageInput() reads fixed sizes and types, and letterboxes", () => {
  const input = findImageInput(model([tensor([1, 64, 48, 3], "x", "uint8")]));
  strictEqual(input.spec.layout, "nhwc");
  strictEqual(input.spec.range, "0-255");
  deepStrictEqual([input.width, input.height, input.fit], [48, 64, "letterbox"]);
});

Deno.test("findImageInput() passes over inputs that are no picture", () => {
  const inputs = [tensor([], "scale"), tensor([1, 2], "size", "int64"), tensor(RGB, "picture")];
  strictEqual(findImageInput(model(inputs)).name, "picture");
});

Deno.test("findImageInput() says which option is missing", () => {
  const two = model([tensor(RGB, "a"), tensor(RGB, "b")]);
  refused(
    () => findImageInput(two),
    "MODEL_INPUT",
    /test\.onnx/,
    /2 of its inputs may be/,
    /"a" float32 \[1,3,height,width\], "b"/,
    /say which with input\.name/,
  );
  strictEqual(findImageInput(two, { name: "b" }).name, "b");
  refused(() => findImageInput(two, { name: "c" }), "MODEL_INPUT", /no input "c"/, /"a"/);
  const open = model([tensor(["n", undefined, "h", "w"])]);
  refused(
    () => findImageInput(open),
    "MODEL_INPUT",
    /how many channels/,
    /\[n,\?,h,w\]/,
    /set input\.channels/,
  );
  strictEqual(findImageInput(open, { channels: 3 }).spec.layout, "nchw");
});

Deno.test("findImageInput() refuses models that no frame can fill", () => {
  for (const input of [tensor([1, 7]), tensor([1], "x", "string"), tensor(RGB, "x", "int64")]) {
    refused(
      () => findImageInput(model([input])),
      "MODEL_UNSUPPORTED",
      /none of its inputs is a picture/,
      /preprocess\(\)/,
    );
  }
});

Deno.test("findImageInput() refuses options that do not fit the model", () => {
  const fixed = model([tensor([1, 3, 64, 48])]);
  const options: [ImageInputOptions, RegExp][] = [
    [{ width: 96 }, /input\.width is 96, and the model takes 48 only/],
    [{ height: 63 }, /input\.height is 63, and the model takes 64 only/],
    [{ name: "x", channels: 4 }, /"x" is no picture as it stands/],
    [{ dtype: "uint8" }, /input\.dtype is uint8, and its input "x" is of float32/],
  ];
  for (const [option, pattern] of options) {
    refused(() => findImageInput(fixed, option), "MODEL_INPUT", pattern);
  }
  strictEqual(findImageInput(fixed, { width: 48 }).width, 48);
  const bytes = model([tensor([1, 64, 48, 3], "x", "uint8")]);
  throws(() => findImageInput(bytes, { range: "0-1" }), TypeError);
  throws(() => findImageInput(fixed, { range: { mean: [1, 2], std: [1, 2] } }), TypeError);
  throws(() => findImageInput(model([tensor(RGB)]), { width: 1.5 }), RangeError);
  throws(() => findImageInput(model([tensor(RGB)]), { multipleOf: 0 }), RangeError);
});

Deno.test("findImageOutput() leaves open what only a run shows", () => {
  const inputs = [tensor(RGB)];
  deepStrictEqual(findImageOutput(model(inputs)).hints, { layout: "nchw", channels: 3 });
  deepStrictEqual(findImageOutput(model(inputs, [tensor([], "y")])).hints, {});
  deepStrictEqual(findImageOutput(model(inputs, [tensor(["n", "c", "h", "w"], "y")])).hints, {});
});

Deno.test("findImageOutput() tells the boxes of a detector from a picture", () => {
  const inputs = [tensor([1, 3, 640, 640])];
  const boxes = tensor([1, 84, 8400], "boxes");
  const depth = tensor([1, 160, 160], "depth");
  const found = findImageInput(model(inputs));
  refused(
    () => findImageOutput(model(inputs, [boxes]), {}, found),
    "MODEL_UNSUPPORTED",
    /"boxes" float32 \[1,84,8400\]/,
    /postprocess\(\)/,
  );
  strictEqual(findImageOutput(model(inputs, [boxes, depth]), {}, found).name, "depth");
  strictEqual(findImageOutput(model(inputs, [boxes]), { name: "boxes" }, found).name, "boxes");
});

Deno.test("findImageOutput() refuses what is no picture", () => {
  const inputs = [tensor(RGB)];
  const scores = model(inputs, [tensor([1, 1000], "scores")]);
  refused(() => findImageOutput(scores), "MODEL_UNSUPPORTED", /none of its outputs is a picture/);
  refused(() => findImageOutput(scores, { name: "scores" }), "MODEL_INPUT", /no picture/);
  const two = model(inputs, [tensor(RGB, "a"), tensor(RGB, "b")]);
  refused(() => findImageOutput(two), "MODEL_INPUT", /say which with output\.name/);
  const codes = model(inputs, [tensor(RGB, "y", "int64")]);
  refused(() => findImageOutput(codes, { name: "y" }), "MODEL_UNSUPPORTED", /is of int64/);
});

Deno.test("makeExtraFeeds() gives numbers the type and shape of their input", () => {
  const inputs = [
    tensor(RGB),
    tensor([], "strength"),
    tensor([2], "size", "int64"),
    tensor(["n", 3], "anchors", "float16"),
    tensor([1], "flag", "bool"),
  ];
  const own = new Tensor("bool", [true], [1]);
  const feeds = makeExtraFeeds(model(inputs), "x", {
    strength: 0.5,
    size: [48, 64],
    anchors: [1, 2, 3, 4, 5, 6],
    flag: own,
  });
  deepStrictEqual(Object.keys(feeds), ["strength", "size", "anchors", "flag"]);
  deepStrictEqual([feeds["strength"]?.type, feeds["strength"]?.dims], ["float32", []]);
  deepStrictEqual(feeds["size"]?.data, BigInt64Array.of(48n, 64n));
  deepStrictEqual([feeds["anchors"]?.type, feeds["anchors"]?.dims], ["float16", [2, 3]]);
  strictEqual(feeds["flag"], own);
});

Deno.test("makeExtraFeeds() refuses missing, unknown and wrong feeds", () => {
  const inputs = [tensor(RGB), tensor([2], "size", "int64")];
  const make = (feeds: Record<string, number[]>) => () => makeExtraFeeds(model(inputs), "x", feeds);
  refused(make({}), "MODEL_INPUT", /also takes "size" int64 \[2\]/, /extraFeeds/, /preprocess/);
  refused(make({ sise: [1, 2] }), "MODEL_INPUT", /extraFeeds has "sise"/);
  refused(make({ x: [1, 2] }), "MODEL_INPUT", /extraFeeds has "x"/);
  refused(make({ size: [1, 2, 3] }), "MODEL_INPUT", /3 numbers for "size" int64 \[2\]/);
});
