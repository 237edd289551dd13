/**
 * Whether a device computes correctly: two small shaders whose results are compared with the CPU's. Drivers
 * have given zeros without an error, which would be black pictures.
 *
 * @module
 */

import { describeError, GpuError } from "../../base/errors.ts";
import { wgsl } from "../shader/wgsl.ts";

/** What the self-test found. */
export interface SelfTestResult {
  /** How long it took, in milliseconds; a readback alone takes 10 in Deno. */
  readonly elapsedMs: number;
  /** Whether f16 shaders compute correctly; `none`: the device does not support f16. */
  readonly f16: "right" | "wrong" | "none";
  /** What was wrong with f16, where it was. */
  readonly f16Problem?: string;
}

/**
 * Not a multiple of the workgroup's 64, so that the bounds checks of the shaders are tested as
 * well.
 */
const COUNT = 67;

/** Relative error allowed of f32 results: devices differ in division and fused multiplication. */
const F32_TOLERANCE = 1e-5;

/**
 * Numeric self-test: bytes, f32 arithmetic and packed f16, as the conversions use them.
 *
 * words:   4 bytes each, the first in the lowest bits.
 * results: three parts of as many words as there are in `words`:
 *   1. each byte times 55/64 plus 16, rounded half up: exact in f32
 *   2. the bits of ((mean of the four bytes) / 255 - 0.485) / 0.229
 *   3. two f16: the first byte / 256 in the low half, the second byte * -4 in the high half: exact
 */
const SELF_TEST_WGSL: string = wgsl`
@group(0) @binding(0) var<storage, read> words: array<u32>;
@group(0) @binding(1) var<storage, read_write> results: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let count = arrayLength(&words);
  let i = id.x;
  if (i >= count) {
    return;
  }
  let word = words[i];
  let bytes = vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
  let scaled = vec4u(floor(bytes * 0.859375 + 16.5));
  results[i] = scaled.x | (scaled.y << 8u) | (scaled.z << 16u) | (scaled.w << 24u);
  let mean = dot(bytes, vec4f(0.25));
  results[count + i] = bitcast<u32>((mean / 255.0 - 0.485) / 0.229);
  results[2u * count + i] = pack2x16float(vec2f(bytes.x / 256.0, bytes.y * -4.0));
}
`;

/**
 * Numeric self-test of f16 shaders, which have given zeros on some drivers: each value times 2.5 plus
 * 0.75. The values are chosen so that the results are exact in f16.
 *
 * values, results: pairs of f16, the first in the lower half of the word.
 */
const SELF_TEST_F16_WGSL: string = wgsl`
enable f16;

@group(0) @binding(0) var<storage, read> values: array<vec2<f16>>;
@group(0) @binding(1) var<storage, read_write> results: array<vec2<f16>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= arrayLength(&values)) {
    return;
  }
  results[i] = values[i] * vec2<f16>(2.5h) + vec2<f16>(0.75h);
}
`;

/**
 * Runs the shaders on a device that nothing else uses yet. Throws a {@linkcode GpuError} of code
 * `GPU_SELF_TEST` where f32 is wrong; wrong f16 is a result.
 */
export async function testDevice(device: GPUDevice): Promise<SelfTestResult> {
  const start = performance.now();
  const withF16 = device.features.has("shader-f16");
  const [main, f16] = await Promise.all([
    runShader(device, SELF_TEST_WGSL, testWords(), 3 * COUNT),
    withF16 ? runShader(device, SELF_TEST_F16_WGSL, f16Values(), COUNT) : "",
  ]);
  const problem = typeof main === "string" ? main : findF32Problem(main);
  if (problem !== undefined) {
    throw new GpuError(
      "GPU_SELF_TEST",
      `Cannot use the GPU: its self-test gave wrong results (${problem}); update its driver, ` +
        "or choose another adapter with GPU_ADAPTER",
    );
  }
  const elapsedMs = performance.now() - start;
  if (!withF16) return { elapsedMs, f16: "none" };
  const f16Problem = typeof f16 === "string" ? f16 : findF16Problem(f16);
  return f16Problem === undefined
    ? { elapsedMs, f16: "right" }
    : { elapsedMs, f16: "wrong", f16Problem };
}

/** Compares what the first shader gave with the CPU's; the first difference, or `undefined`. */
export function findF32Problem(results: Uint32Array<ArrayBuffer>): string | undefined {
  const view = new DataView(results.buffer);
  for (const [i, word] of testWords().entries()) {
    const bytes = [0, 8, 16, 24].map((shift) => (word >>> shift) & 255);
    const mean = bytes.reduce((sum, byte) => sum + byte / 4, 0);
    const expectations = [
      ...bytes.map((byte, k) =>
        [view.getUint8(4 * i + k), Math.floor(byte * 55 / 64 + 16.5), 0] as const
      ),
      [view.getFloat32(4 * (COUNT + i), true), (mean / 255 - 0.485) / 0.229, F32_TOLERANCE],
      [view.getFloat16(4 * (2 * COUNT + i), true), bytes[0]! / 256, 0],
      [view.getFloat16(4 * (2 * COUNT + i) + 2, true), bytes[1]! * -4, 0],
    ] as const;
    for (const [got, expected, tolerance] of expectations) {
      if (!isClose(got, expected, tolerance)) return `${got} in place of ${expected}`;
    }
  }
  return undefined;
}

/** Compares what the f16 shader gave with the CPU's; the first difference, or `undefined`. */
export function findF16Problem(results: Uint32Array<ArrayBuffer>): string | undefined {
  const got = new Float16Array(results.buffer);
  const values = new Float16Array(f16Values().buffer);
  for (const [i, value] of values.entries()) {
    const expected = value * 2.5 + 0.75;
    if (got[i] !== expected) return `${got[i]} in place of ${expected}`;
  }
  return undefined;
}

/** Bytes without a pattern that a wrong index could hide in. */
function testWords(): Uint32Array<ArrayBuffer> {
  return Uint32Array.from({ length: COUNT }, (_, i) => Math.imul(i + 1, 2_654_435_761) >>> 0);
}

function f16Values(): Uint32Array<ArrayBuffer> {
  return new Uint32Array(Float16Array.from({ length: 2 * COUNT }, (_, i) => i / 8 - 4).buffer);
}

function isClose(got: number, expected: number, tolerance: number): boolean {
  return Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected));
}

/** The words that a shader gives, or what went wrong. */
async function runShader(
  device: GPUDevice,
  code: string,
  words: Uint32Array<ArrayBuffer>,
  resultWords: number,
): Promise<Uint32Array<ArrayBuffer> | string> {
  const size = resultWords * 4;
  const buffers = createBuffers(device, words.byteLength, size);
  device.pushErrorScope("validation");
  submitShader(device, code, { buffers, words, size });
  const invalid = await device.popErrorScope();
  try {
    if (invalid !== null) return invalid.message;
    await buffers.readable.mapAsync(GPUMapMode.READ);
    const results = new Uint32Array(buffers.readable.getMappedRange().slice(0));
    buffers.readable.unmap();
    return results;
  } catch (error) {
    return describeError(error); // the device is of no use then, whatever the reason
  } finally {
    for (const buffer of Object.values(buffers)) buffer.destroy();
  }
}

interface TestBuffers {
  readonly input: GPUBuffer;
  readonly output: GPUBuffer;
  readonly readable: GPUBuffer;
}

function createBuffers(device: GPUDevice, inputBytes: number, outputBytes: number): TestBuffers {
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const create = (size: number, usage: number) =>
    device.createBuffer({ label: "self-test", size, usage });
  return {
    input: create(inputBytes, STORAGE | COPY_DST),
    output: create(outputBytes, STORAGE | COPY_SRC),
    readable: create(outputBytes, MAP_READ | COPY_DST),
  };
}

interface ShaderRun {
  readonly buffers: TestBuffers;
  readonly words: Uint32Array<ArrayBuffer>;
  readonly size: number;
}

function submitShader(device: GPUDevice, code: string, { buffers, words, size }: ShaderRun): void {
  const label = "self-test";
  const module = device.createShaderModule({ label, code });
  const pipeline = device.createComputePipeline({ label, layout: "auto", compute: { module } });
  const bindGroup = device.createBindGroup({
    label,
    layout: pipeline.getBindGroupLayout(0),
    entries: [buffers.input, buffers.output].map((buffer, binding) => ({
      binding,
      resource: { buffer },
    })),
  });
  device.queue.writeBuffer(buffers.input, 0, words);
  const encoder = device.createCommandEncoder({ label });
  const pass = encoder.beginComputePass({ label });
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, bindGroup);
  pass.dispatchWorkgroups(Math.ceil(COUNT / 64));
  pass.end();
  encoder.copyBufferToBuffer(buffers.output, 0, buffers.readable, 0, size);
  device.queue.submit([encoder.finish()]);
}
