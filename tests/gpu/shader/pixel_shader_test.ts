import assert from "node:assert/strict";
import { GpuError } from "../../../src/base/mod.ts";
import { convertPicture, DEFAULT_COLOR, type Picture } from "../../../src/frames/mod.ts";
import { type Gpu, type GpuPicture, PixelShader, type ShaderParams } from "../../../src/gpu/mod.ts";
import { COLORS, largestError, noisePicture, SIZES } from "../../frames/pictures.ts";
import { deviceTest } from "../device.ts";

const SIGNATURE = "fn process(pixel: vec4f, position: vec2f, params: Params) -> vec4f";

/** A shader whose function has this body. */
function shader(body: string): string {
  return `${SIGNATURE} {\n  ${body}\n}`;
}

function upload(gpu: Gpu, picture: Picture): GpuPicture {
  const { pixelFormat, width, height, color = DEFAULT_COLOR } = picture;
  const buffer = gpu.upload(picture.data, "test picture");
  return { buffer, pixelFormat, width, height, color };
}

/** Reads a picture and gives its buffer back. */
async function take(gpu: Gpu, picture: GpuPicture): Promise<Uint8Array> {
  assert.equal(picture.pixelFormat, "rgba");
  const bytes = await gpu.readback.read(picture.buffer, picture.width * picture.height * 4);
  gpu.pool.release(picture.buffer);
  return bytes;
}

/** What a shader makes of a picture. */
async function runOn(
  shader: PixelShader,
  picture: Picture,
  { values = {}, timeSeconds = 0 }: {
    values?: Record<string, number | readonly number[]>;
    timeSeconds?: number;
  } = {},
): Promise<Uint8Array> {
  const { gpu } = shader;
  const source = upload(gpu, picture);
  const result = shader.run(source, values, { timeSeconds });
  gpu.pool.release(source.buffer);
  assert.deepEqual([result.width, result.height], [picture.width, picture.height]);
  return await take(gpu, result);
}

type Rgba = [number, number, number, number];

/** The same in TypeScript: `process` gets the pixel 0–1 and its column and row. */
function reference(
  picture: Picture,
  process: (
    pixel: Rgba,
    at: { x: number; y: number; load: (x: number, y: number) => Rgba },
  ) => Rgba,
): Uint8Array {
  const { width, height } = picture;
  const rgba = convertPicture(picture, "rgba");
  const load = (x: number, y: number): Rgba => {
    const column = Math.min(Math.max(x, 0), width - 1);
    const row = Math.min(Math.max(y, 0), height - 1);
    const at = (row * width + column) * 4;
    return [...rgba.subarray(at, at + 4)].map((byte) => byte / 255) as Rgba;
  };
  const out = new Uint8ClampedArray(rgba.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const color = process(load(x, y), { x, y, load });
      out.set(color.map((value) => Math.round(value * 255)), (y * width + x) * 4);
    }
  }
  return new Uint8Array(out.buffer);
}

async function rejection(promise: Promise<unknown>): Promise<GpuError> {
  const error = await promise.then(() => undefined, (thrown) => thrown);
  assert.ok(error instanceof GpuError, `${error}`);
  return error;
}

deviceTest("a shader gets every pixel of every format, size, matrix and range", async (gpu) => {
  const same = await PixelShader.compile(gpu, { wgsl: shader("return pixel;") });
  for (const size of [...SIZES, [33, 17], [16, 16], [127, 65]] as const) {
    for (const format of ["i420", "rgb24", "rgba"] as const) {
      for (const color of format === "i420" ? COLORS : [DEFAULT_COLOR]) {
        const picture = noisePicture(format, size, color);
        const what = `${format} ${size} ${JSON.stringify(color)}`;
        const got = await runOn(same, picture);
        assert.equal(largestError(got, convertPicture(picture, "rgba")), 0, what);
      }
    }
  }
});

deviceTest("a shader computes as its reference in TypeScript does", async (gpu) => {
  const wgsl = `
const WEIGHTS = vec3f(0.2126, 0.7152, 0.0722);
fn luma(color: vec3f) -> f32 { return dot(color, WEIGHTS); }
${shader("return vec4f(mix(pixel.rgb, vec3f(luma(pixel.bgr)), params.amount), 1.0 - pixel.a);")}`;
  const params: ShaderParams = { amount: { type: "f32", default: 0.5 } };
  const grey = await PixelShader.compile(gpu, { wgsl, params });
  for (const format of ["i420", "rgb24", "rgba"] as const) {
    const picture = noisePicture(format, [35, 19]);
    const expected = reference(picture, ([r, g, b, a]) => {
      const luma = 0.2126 * b + 0.7152 * g + 0.0722 * r;
      const mixed = [r, g, b].map((value) => value * 0.3 + luma * 0.7);
      return [mixed[0]!, mixed[1]!, mixed[2]!, 1 - a];
    });
    const got = await runOn(grey, picture, { values: { amount: 0.7 } });
    assert.ok(largestError(got, expected) <= 1, format);
  }
});

deviceTest("load() gives the nearest pixel, sample() what lies between four", async (gpu) => {
  const wgsl = shader(`let at = vec2i(position);
  let left = load(at - vec2i(3, 0));
  let below = load(at + vec2i(0, 2));
  let between = sample(position + vec2f(0.25, -1.5));
  return vec4f(left.r, below.g, between.b, sample(position).r);`);
  const neighbours = await PixelShader.compile(gpu, { wgsl });
  for (const format of ["i420", "rgb24", "rgba"] as const) {
    const picture = noisePicture(format, [13, 9]);
    const expected = reference(picture, (pixel, { x, y, load }) => {
      const column = (row: number): number => load(x, row)[2] * 0.75 + load(x + 1, row)[2] * 0.25;
      const between = (column(y - 2) + column(y - 1)) / 2;
      return [load(x - 3, y)[0], load(x, y + 2)[1], between, pixel[0]];
    });
    assert.ok(largestError(await runOn(neighbours, picture), expected) <= 1, format);
  }
});

deviceTest("a shader knows the place, the size and the time", async (gpu) => {
  const wgsl = shader("return vec4f(position / frame.size, frame.time / 10.0, 1.0);");
  const places = await PixelShader.compile(gpu, { wgsl });
  const picture = noisePicture("i420", [21, 34]);
  for (const timeSeconds of [0, 2.5, 7]) {
    const expected = reference(
      picture,
      (_, { x, y }) => [(x + 0.5) / 21, (y + 0.5) / 34, timeSeconds / 10, 1],
    );
    assert.ok(largestError(await runOn(places, picture, { timeSeconds }), expected) <= 1);
  }
});

deviceTest("what a shader returns is clamped and rounded; NaN is 0", async (gpu) => {
  const wgsl = shader(
    `let nan = sqrt(-1.0 - position.x); let far = 1e38 * position.x * 10.0;
  let first = vec4f(nan, 2.0, -1.0, nan);
  let second = vec4f(far, -far, 0.501 / 255.0, 0.499 / 255.0);
  return select(second, first, position.x < 1.0);`,
  );
  const wild = await PixelShader.compile(gpu, { wgsl });
  const got = await runOn(wild, noisePicture("rgb24", [2, 1]));
  assert.deepEqual([...got], [0, 255, 0, 0, 255, 0, 1, 0]);
});

deviceTest("parameters of every type, in any order, arrive in their places", async (gpu) => {
  const params: ShaderParams = {
    first: { type: "f32", default: 0.1 },
    triple: { type: "vec3f", default: [0.2, 0.3, 0.4] },
    after: { type: "f32", default: 0.5 },
    pair: { type: "vec2f", default: [0.6, 0.7] },
    whole: { type: "i32", default: -51 },
    quad: { type: "vec4f", default: [0.8, 0.9, 1, 0.05] },
    count: { type: "u32", default: 4_000_000_000 },
    last: { type: "vec2f", default: [0.15, 0.25] },
  };
  const wgsl = shader(`switch u32(position.x) {
    case 0u: { return vec4f(params.first, params.triple); }
    case 1u: { return vec4f(params.after, params.pair, f32(-params.whole) / 255.0); }
    case 2u: { return params.quad; }
    default: { return vec4f(f32(params.count / 100000000u) / 255.0, params.last, 0.0); }
  }`);
  const shown = await PixelShader.compile(gpu, { wgsl, params });
  const picture = noisePicture("rgba", [4, 1]);
  const bytes = (values: readonly number[]): number[] => values.map((v) => Math.round(v * 255));
  assert.deepEqual([...await runOn(shown, picture)], [
    ...bytes([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
    51,
    ...bytes([0.8, 0.9, 1, 0.05]),
    40,
    ...bytes([0.15, 0.25, 0]),
  ]);
  const values = { triple: [1, 0, 1], whole: -200, count: 700_000_000, last: [0.5, 0.75] };
  assert.deepEqual([...await runOn(shown, picture, { values })], [
    ...bytes([0.1, 1, 0, 1, 0.5, 0.6, 0.7]),
    200,
    ...bytes([0.8, 0.9, 1, 0.05]),
    7,
    ...bytes([0.5, 0.75, 0]),
  ]);
});

deviceTest("passes that wait on one encoder keep their own parameters", async (gpu) => {
  const params: ShaderParams = { level: { type: "f32", default: 0 } };
  const level = await PixelShader.compile(gpu, {
    wgsl: shader("return vec4f(params.level);"),
    params,
  });
  const source = upload(gpu, noisePicture("rgb24", [3, 2]));
  const encoder = gpu.device.createCommandEncoder({ label: "test" });
  const results = Array.from(
    { length: 20 },
    (_, i) => level.run(source, { level: i / 255 }, { timeSeconds: 0, encoder }),
  );
  gpu.device.queue.submit([encoder.finish()]);
  for (const [i, result] of results.entries()) {
    assert.deepEqual(new Set(await take(gpu, result)), new Set([i]));
  }
  gpu.pool.release(source.buffer);
  assert.equal(gpu.pool.stats.inUse, 0);
  assert.equal(gpu.stats.uncapturedErrors, 0);
});

deviceTest("code that is wrong is refused with the user's line, column and text", async (gpu) => {
  const cases: readonly [code: string, message: RegExp, line?: number, column?: number][] = [
    [`// a comment\n${shader("return pixel")}`, /expected `;`/, 4, 1],
    [shader("let x: f32 = 1.0;\n  return pixel * params.nope;"), /`nope`/, 3, 25],
    [shader("return pixel.xyz;"), /`return`.*does not match/, 2, 10],
    [shader("\treturn sample(position, 1.0);"), /Requires 1 argument/, 2],
    [shader("return sqrt(pixel.nothing);"), /`nothing`/, 2, 21],
    [shader("return dpdx(pixel);"), /forbidden/],
    [shader("if (pixel.r > 0.5) { return pixel;"), /"\{" is never closed/, 1, 68],
    [`/* open\n${shader("return pixel;")}`, /"\/\*" is never closed/, 1, 1],
    [`${shader("return pixel;")}\n}`, /found "}"/, 4, 1],
    ["", /no function process; declare fn process\(pixel/],
    ["// fn process(pixel: vec4f)", /no function process/],
    ["fn process(pixel: vec4f) -> vec4f {\n  return pixel;\n}", /process has to be fn/, 1, 4],
    [`\n${SIGNATURE.replace("> vec4f", "> f32")} { return 1.0; }`, /process has to be fn/, 2, 4],
    [`fn load() {}\n${shader("return pixel;")}`, /name load is Runnel's/, 1, 4],
    [`struct Params { a: f32 }\n${shader("return pixel;")}`, /name Params is Runnel's/, 1, 8],
    [`var<private> frame: f32;\n${shader("return pixel;")}`, /name frame is/, 1, 14],
    [`const RUNNEL_X = 1;\n${shader("return pixel;")}`, /name RUNNEL_X/, 1, 7],
    [`fn mix() {}\n${shader("return pixel;")}`, /name mix is built into WGSL/, 1, 4],
    [`override k = 1;\n${shader("return pixel;")}`, /override k/, 1, 10],
    [
      `@group(0) @binding(3) var<storage> x: f32;\n${shader("return pixel;")}`,
      /binds a resource/,
      1,
      1,
    ],
  ];
  for (const [wgsl, message, line, column] of cases) {
    const error = await rejection(PixelShader.compile(gpu, { wgsl, name: "blur" }));
    assert.equal(error.code, "GPU_SHADER", wgsl);
    assert.match(error.message, /^Cannot compile the shader blur: /);
    assert.match(error.message, message);
    assert.equal(error.context["line"], line, error.message);
    if (line === undefined) continue;
    const text = wgsl.split("\n")[line - 1]!.trim();
    assert.equal(error.context["text"], text);
    assert.ok(error.message.includes(`line ${line}, column`), error.message);
    assert.ok(error.message.includes(JSON.stringify(text)), error.message);
    if (column !== undefined) assert.equal(error.context["column"], column, error.message);
  }
  assert.equal(gpu.stats.uncapturedErrors, 0);
});

deviceTest("names of helpers are free inside of functions, and in comments", async (gpu) => {
  const wgsl = `/* struct Params {} /* nested */ fn load() {} */
enable f16; // fn sample()
${shader("let load = pixel; let frame = load; return frame;")}`;
  const supported = gpu.hasF16 ? wgsl : wgsl.replace("enable f16;", "");
  const picture = noisePicture("rgb24", [4, 3]);
  const shadowing = await PixelShader.compile(gpu, { wgsl: supported });
  assert.equal(largestError(await runOn(shadowing, picture), convertPicture(picture, "rgba")), 0);
});

deviceTest("parameters that cannot be are refused by name", async (gpu) => {
  const wgsl = shader("return pixel;");
  const cases: readonly [unknown, RegExp][] = [
    [{ "a b": { type: "f32", default: 1 } }, /"a b".*use ASCII letters/],
    [{ a: { type: "mat4", default: 1 } }, /parameter a a "mat4": use f32, i32/],
    [{ a: { type: "f32", default: 1, min: 2, max: 1 } }, /a from 2 to 1/],
    [{ a: { type: "f32", default: 3, min: 0, max: 1 } }, /a to 3: use a number from 0 to 1/],
    [{ a: { type: "u32", default: 1.5 } }, /a to 1.5: use a whole number from 0 to 4294967295/],
    [{ a: { type: "vec3f", default: [1, 2] } }, /a to \[1,2\]: use a list of 3 numbers/],
    [{ return: { type: "f32", default: 1 } }, /cannot be named return in WGSL/],
    [
      Object.fromEntries(
        Array.from({ length: 100 }, (_, i) => [`p${i}`, { type: "vec4f", default: [0, 0, 0, 0] }]),
      ),
      /100 parameters.*use fewer/,
    ],
  ];
  for (const [params, message] of cases) {
    const compiled = PixelShader.compile(gpu, { wgsl, params: params as ShaderParams });
    await assert.rejects(compiled, message);
  }
});

deviceTest("a lost device neither compiles nor runs shaders", async (gpu) => {
  const wgsl = shader("return pixel;");
  const same = await PixelShader.compile(gpu, { wgsl });
  const picture = upload(gpu, noisePicture("rgb24", [4, 4]));
  gpu.device.destroy();
  await gpu.lost;
  const { code } = await rejection(PixelShader.compile(gpu, { wgsl }));
  assert.equal(code, "GPU_LOST");
  assert.throws(() => same.run(picture, {}, { timeSeconds: 0 }), /lost/);
});
