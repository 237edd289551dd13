/**
 * What a frame costs on the GPU: upload, conversion to the model's numbers, model, conversion back,
 * readback; and how many frames a second that makes with several of them in flight.
 *
 * @module
 */

import { VideoFrame } from "../src/frames/mod.ts";
import {
  convertPicture,
  type Gpu,
  type GpuPicture,
  imageFromTensor,
  imageToTensor,
  sharedGpu,
} from "../src/gpu/mod.ts";
import { loadModel, type Model } from "../src/inference/mod.ts";
import { pictureBytes } from "../src/media/picture.ts";
import { convolutionModel, upscalerModel } from "../scripts/build_models.ts";
import { round } from "./statistics.ts";

/** The sizes that are measured. */
export const GPU_SIZES: readonly Size[] = [
  { width: 512, height: 512 },
  { width: 1280, height: 720 },
  { width: 1920, height: 1080 },
];

const DEPTHS = [1, 2, 3] as const;

/** Upload, conversion both ways and readback at 1080p with three frames in flight. */
const TARGET = { height: 1080, depth: 3, maxMs: 3 };

const COLOR = { matrix: "bt709", fullRange: false } as const;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Options of {@linkcode benchGpu}. */
export interface GpuBenchOptions {
  /** How long each figure is measured. */
  readonly seconds: number;
  /** Told what is being measured. */
  readonly progress: (what: string) => void;
}

/** The figures of one size; times in milliseconds a frame. */
export interface GpuRow {
  readonly size: string;
  readonly upload: number;
  /** I420 to float32 NCHW. */
  readonly to_tensor: number;
  /** Float32 NCHW to I420. */
  readonly to_picture: number;
  readonly to_rgba: number;
  readonly readback: number;
  /** A 3x3 convolution of three channels. */
  readonly convolution: number;
  /** Twice the size. */
  readonly upscaler: number;
  /** Frames a second of upload, conversion there and back, and readback, by depth. */
  readonly fps_depth_1: number;
  readonly fps_depth_2: number;
  readonly fps_depth_3: number;
  /** Share of the time in which the main thread did not answer, at the greatest depth. */
  readonly main_thread_busy: number;
  /** The same frames a second with the convolution in between. */
  readonly fps_convolution: number;
  readonly missed_targets: readonly string[];
}

/** What was measured, and on what. */
export interface GpuBench {
  readonly adapter: string;
  readonly software: boolean;
  readonly rows: readonly GpuRow[];
}

/** Measures every size. Rejects with a `GpuError` where there is no adapter. */
export async function benchGpu(options: GpuBenchOptions): Promise<GpuBench> {
  const gpu = await sharedGpu();
  const rows: GpuRow[] = [];
  for (const size of GPU_SIZES) rows.push(await benchSize(gpu, size, options));
  const { name, isSoftware } = gpu.info;
  return { adapter: name, software: isSoftware, rows };
}

async function benchSize(gpu: Gpu, size: Size, options: GpuBenchOptions): Promise<GpuRow> {
  const label = `${size.width}x${size.height}`;
  const { seconds } = options;
  const bytes = noise(pictureBytes("i420", size.width, size.height));
  const picture: GpuPicture = {
    ...size,
    pixelFormat: "i420",
    color: COLOR,
    buffer: gpu.upload(bytes, "bench"),
  };
  const tensor = imageToTensor(gpu, picture, {});
  const release = (buffer: GPUBuffer): void => gpu.pool.release(buffer);
  const timed = async (what: string, work: () => void | Promise<void>): Promise<number> => {
    options.progress(`gpu ${label}: ${what}`);
    return round(await msPerCall(gpu, work, seconds), 100);
  };
  const upload = await timed("upload", () => release(gpu.upload(bytes, "bench")));
  const to_tensor = await timed(
    "to tensor",
    () => release(imageToTensor(gpu, picture, {}).buffer),
  );
  const to_picture = await timed(
    "to picture",
    () => release(imageFromTensor(gpu, tensor, { pixelFormat: "i420", color: COLOR }).buffer),
  );
  const to_rgba = await timed(
    "to rgba",
    () => release(convertPicture(gpu, picture, { pixelFormat: "rgba" }).buffer),
  );
  const into = new Uint8Array(bytes.length);
  const readback = await timed(
    "readback",
    async () => void await gpu.readback.read(picture.buffer, bytes.length, { into }),
  );
  release(picture.buffer);
  release(tensor.buffer);

  await using convolution = await loadModel(convolutionModel(size), { provider: "webgpu" });
  await using upscaler = await loadModel(upscalerModel(size), { provider: "webgpu" });
  const model = async (what: string, loaded: Model): Promise<number> => {
    using frame = await newFrame(bytes, size).to("gpu");
    const input = frame.gpuTensor();
    return await timed(what, async () => {
      const outputs = await loaded.run({ [loaded.inputs[0]!.name]: input });
      for (const output of Object.values(outputs)) output.dispose();
    });
  };
  const convolutionMs = await model("convolution", convolution);
  const upscalerMs = await model("upscaler", upscaler);

  const byDepth: FlowFigures[] = [];
  for (const depth of DEPTHS) {
    options.progress(`gpu ${label}: frames in flight ${depth}`);
    byDepth.push(await flow({ bytes, size, depth, seconds }));
  }
  options.progress(`gpu ${label}: frames through the convolution`);
  const withModel = await flow({ bytes, size, depth: 3, seconds, model: convolution });
  const deepest = byDepth.at(-1)!;
  return {
    size: label,
    upload,
    to_tensor,
    to_picture,
    to_rgba,
    readback,
    convolution: convolutionMs,
    upscaler: upscalerMs,
    fps_depth_1: round(byDepth[0]!.fps),
    fps_depth_2: round(byDepth[1]!.fps),
    fps_depth_3: round(byDepth[2]!.fps),
    main_thread_busy: round(deepest.busy, 100),
    fps_convolution: round(withModel.fps),
    missed_targets: missedTargets(gpu, size, deepest.fps),
  };
}

/** A software adapter is recorded, not judged. */
function missedTargets(gpu: Gpu, { height }: Size, fps: number): string[] {
  const ms = 1000 / fps;
  if (gpu.info.isSoftware || height !== TARGET.height || ms <= TARGET.maxMs) return [];
  return [`${round(ms, 100)} ms a frame > ${TARGET.maxMs}`];
}

/** Milliseconds a call, over many calls and one wait for the GPU at their end. */
async function msPerCall(
  gpu: Gpu,
  work: () => void | Promise<void>,
  seconds: number,
): Promise<number> {
  const fence = gpu.upload(new Uint8Array(4), "fence");
  const batch = async (calls: number): Promise<number> => {
    const startMs = performance.now();
    for (let call = 0; call < calls; call++) await work();
    await gpu.readback.read(fence, 4);
    return performance.now() - startMs;
  };
  await batch(1); // compiles the pipelines
  const once = await batch(1);
  const empty = Math.min(once, await timeOf(() => gpu.readback.read(fence, 4)));
  const calls = Math.max(1, Math.min(500, Math.round(seconds * 1000 / Math.max(once, 0.1))));
  const total = await batch(calls);
  gpu.pool.release(fence);
  return Math.max(0, total - empty) / calls;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

interface FlowFigures {
  readonly fps: number;
  /** Share of the time in which the main thread was busy. */
  readonly busy: number;
}

/** Frames there and back again, `depth` of them at once, in order, as a session does it. */
async function flow(
  { bytes, size, depth, seconds, model }: {
    readonly bytes: Uint8Array;
    readonly size: Size;
    readonly depth: number;
    readonly seconds: number;
    readonly model?: Model;
  },
): Promise<FlowFigures> {
  const one = async (): Promise<void> => {
    using frame = await newFrame(bytes, size).to("gpu");
    const tensor = frame.gpuTensor();
    const output = model === undefined
      ? tensor
      : Object.values(await model.run({ [model.inputs[0]!.name]: tensor }))[0]!;
    using result = frame.replaceTensor(output, { pixelFormat: "i420" });
    output.dispose();
    await result.to("cpu");
  };
  await one(); // compiles the pipelines
  const meter = new BusyMeter();
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  const inFlight: Promise<void>[] = [];
  let frames = 0;
  while (performance.now() < endMs || frames < depth) {
    inFlight.push(one());
    if (inFlight.length >= depth) await inFlight.shift();
    frames++;
    await meter.breathe();
  }
  await Promise.all(inFlight);
  return { fps: frames / (performance.now() - startMs) * 1000, busy: meter.stop() };
}

/** How late a timer fires that fires all the time: the main thread was busy with something else. */
class BusyMeter {
  static readonly #INTERVAL_MS = 2;
  readonly #startMs = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #lastMs = performance.now();
  #busyMs = 0;

  constructor() {
    this.#timer = setInterval(() => this.#tick(), BusyMeter.#INTERVAL_MS);
  }

  /** Lets timers fire. */
  breathe(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Share of the time so far. */
  stop(): number {
    clearInterval(this.#timer);
    return Math.min(1, this.#busyMs / (performance.now() - this.#startMs));
  }

  #tick(): void {
    const now = performance.now();
    this.#busyMs += Math.max(0, now - this.#lastMs - BusyMeter.#INTERVAL_MS);
    this.#lastMs = now;
  }
}

function newFrame(data: Uint8Array, size: Size): VideoFrame {
  return new VideoFrame({
    ...size,
    pixelFormat: "i420",
    color: COLOR,
    data,
    ptsTicks: 0,
    timeBase: { num: 1, den: 90_000 },
  });
}

/** Bytes that nothing compresses, the same each time. */
function noise(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0, state = 1; at < length; at++) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    bytes[at] = state >> 16;
  }
  return bytes;
}
