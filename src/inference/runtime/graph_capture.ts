/**
 * Graph capture: the GPU's work of one run is recorded and replayed, which saves the CPU most of its work.
 * onnxruntime asks for the same buffers each time, so there is one set of them, and copies in and out.
 * Replays have given wrong results on some systems, so the first replay is compared with a plain run.
 *
 * @module
 */

import { sameBytes } from "../../base/bytes.ts";
import { Tensor } from "onnxruntime-common";
import { describeError, GpuError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import type { Gpu } from "../../gpu/mod.ts";
import { ModelSession, type SessionSource } from "./model_session.ts";
import { download } from "./run_tensors.ts";
import {
  gpuBufferOf,
  type GpuTensorType,
  isGpuType,
  type ModelTensorInfo,
  tensorBytes,
  type TensorMap,
} from "./tensor_info.ts";

/** Runs until replays are trusted: the first is recorded, the second and third are replays. */
const RUNS_BEFORE_COMPARISON = 3;

const LOG = roomLogger("inference");

/** One input's or output's buffer, the same in each run. */
interface FixedTensor {
  readonly type: GpuTensorType;
  readonly dims: readonly number[];
  readonly bytes: number;
  readonly buffer: GPUBuffer;
}

/**
 * Captures a session's work. Resolves to the reason, which is logged too, where that cannot be done or gives
 * other results. Throws a `GpuError` where the device is lost meanwhile.
 */
export async function tryGraphCapture(
  source: SessionSource,
  session: ModelSession,
  gpu: Gpu,
): Promise<CapturedRun | string> {
  try {
    const inputs = fixedInputs(session.inputs);
    return await CapturedRun.create({ source, session, gpu, inputs });
  } catch (error) {
    if (error instanceof GpuError && error.code === "GPU_LOST") throw error;
    const reason = describeError(error);
    LOG.warn("the model {name} runs without graph capture: {reason}", {
      name: source.name,
      reason,
    });
    return reason;
  }
}

/** A session whose work is replayed. */
export class CapturedRun {
  readonly #session: ModelSession;
  readonly #gpu: Gpu;
  readonly #inputs: ReadonlyMap<string, FixedTensor>;
  readonly #outputs: ReadonlyMap<string, FixedTensor>;
  readonly #feeds: TensorMap;
  readonly #fetches: TensorMap;

  private constructor(
    session: ModelSession,
    gpu: Gpu,
    fixed: Record<"inputs" | "outputs", Map<string, FixedTensor>>,
  ) {
    this.#session = session;
    this.#gpu = gpu;
    this.#inputs = fixed.inputs;
    this.#outputs = fixed.outputs;
    this.#feeds = this.#tensorsOf(fixed.inputs);
    this.#fetches = this.#tensorsOf(fixed.outputs);
  }

  /** Captures and compares. Throws where that cannot be done, or the replay gives other results. */
  static async create({ source, session, gpu, inputs }: {
    readonly source: SessionSource;
    readonly session: ModelSession;
    readonly gpu: Gpu;
    readonly inputs: readonly NamedShape[];
  }): Promise<CapturedRun> {
    const names = session.outputs.map(({ name }) => name);
    const plain = await session.run(randomFeeds(inputs, 0), names);
    if (plain === undefined) throw new Error("the model's session became unusable");
    const outputs = names.map((name) => shapeOf(name, plain[name]!));
    for (const tensor of Object.values(plain)) tensor.dispose();
    const captured = await ModelSession.create(source, session, { graphCapture: true });
    const fixed = { inputs: allocate(gpu, inputs), outputs: allocate(gpu, outputs) };
    const run = new CapturedRun(captured, gpu, fixed);
    try {
      await run.#compareWith(session, inputs);
      return run;
    } catch (error) {
      await run.release();
      throw error;
    }
  }

  /** Whether it can still run. */
  get isUsable(): boolean {
    return this.#session.isUsable;
  }

  /** As `ModelSession.run`; all feeds must have the captured shapes. */
  async run(feeds: TensorMap, outputs: readonly string[]): Promise<TensorMap | undefined> {
    return await this.#session.exclusive(async () => {
      this.#fill(feeds);
      await this.#session.replay(this.#feeds, this.#fetches);
      return this.#copyOut(outputs);
    });
  }

  /** Gives everything back. */
  async release(): Promise<void> {
    await this.#session.release();
    for (const { buffer } of [...this.#inputs.values(), ...this.#outputs.values()]) {
      this.#gpu.pool.release(buffer);
    }
  }

  async #compareWith(plain: ModelSession, inputs: readonly NamedShape[]): Promise<void> {
    const names = [...this.#outputs.keys()];
    for (let seed = 1; seed <= RUNS_BEFORE_COMPARISON; seed++) {
      const feeds = randomFeeds(inputs, seed);
      const [got, wanted] = [await this.run(feeds, names), await plain.run(feeds, names)];
      try {
        for (const name of names) {
          if (await isEqual(got?.[name], wanted?.[name])) continue;
          throw new Error(`its replay gave another ${JSON.stringify(name)} than a plain run`);
        }
      } finally {
        for (const tensor of Object.values({ ...got })) tensor.dispose();
        for (const tensor of Object.values({ ...wanted })) tensor.dispose();
      }
    }
  }

  #fill(feeds: TensorMap): void {
    const { device } = this.#gpu;
    const encoder = device.createCommandEncoder({ label: "model inputs" });
    for (const [name, { buffer, bytes }] of this.#inputs) {
      const tensor = feeds[name]!;
      if (tensor.location === "gpu-buffer") {
        const size = Math.ceil(bytes / 4) * 4;
        encoder.copyBufferToBuffer(gpuBufferOf(tensor), 0, buffer, 0, size);
      } else {
        const { buffer: data, byteOffset } = tensor.data as Uint8Array<ArrayBuffer>;
        writePadded(device, buffer, new Uint8Array(data, byteOffset, bytes));
      }
    }
    device.queue.submit([encoder.finish()]);
  }

  /** The fixed outputs hold the next run's numbers soon: the caller gets copies. */
  #copyOut(names: readonly string[]): TensorMap {
    const gpu = this.#gpu;
    const encoder = gpu.device.createCommandEncoder({ label: "model outputs" });
    const copies = names.map((name) => {
      const { type, dims, bytes, buffer } = this.#outputs.get(name)!;
      const copy = gpu.pool.allocate(bytes, `model output ${name}`);
      encoder.copyBufferToBuffer(buffer, 0, copy, 0, Math.ceil(bytes / 4) * 4);
      const tensor = Tensor.fromGpuBuffer(copy, {
        dataType: type,
        dims,
        download: () => download(gpu, copy, { type, dims }),
        dispose: () => gpu.pool.release(copy),
      });
      return [name, tensor] as const;
    });
    gpu.device.queue.submit([encoder.finish()]);
    return Object.fromEntries(copies);
  }

  /** onnxruntime takes outputs only where they are of its own class. */
  #tensorsOf(fixed: ReadonlyMap<string, FixedTensor>): TensorMap {
    const { Tensor: OwnTensor } = this.#session.runtime.ort;
    return Object.fromEntries(
      [...fixed].map(([name, { type, dims, buffer }]) =>
        [name, OwnTensor.fromGpuBuffer(buffer, { dataType: type, dims })] as const
      ),
    );
  }
}

/** A tensor's type and shape, all sizes known. */
interface NamedShape {
  readonly name: string;
  readonly type: GpuTensorType;
  readonly dims: readonly number[];
}

function fixedInputs(inputs: readonly ModelTensorInfo[]): readonly NamedShape[] {
  return inputs.map(({ name, type, dims }) => {
    const sizes = dims.filter((size) => typeof size === "number");
    if (sizes.length !== dims.length) {
      throw new Error(`the sizes of its input "${name}" are open; fix them with the option dims`);
    }
    return gpuShape(name, type, sizes);
  });
}

function shapeOf(name: string, { type, dims }: Tensor): NamedShape {
  return gpuShape(name, type, dims);
}

function gpuShape(name: string, type: string, dims: readonly number[]): NamedShape {
  if (isGpuType(type)) return { name, type, dims };
  throw new Error(`"${name}" is ${type}, which cannot lie in GPU memory`);
}

function allocate(gpu: Gpu, shapes: readonly NamedShape[]): Map<string, FixedTensor> {
  return new Map(shapes.map(({ name, type, dims }) => {
    const bytes = tensorBytes(type, dims)!;
    return [name, { type, dims, bytes, buffer: gpu.pool.allocate(bytes, `captured ${name}`) }];
  }));
}

/** Numbers from 0 to 1 where a model computes; zeros where integers may be positions or sizes. */
function randomFeeds(shapes: readonly NamedShape[], seed: number): TensorMap {
  return Object.fromEntries(shapes.map(({ name, type, dims }) => {
    const bytes = new Uint8Array(tensorBytes(type, dims)!);
    const numbers = Float32Array.from(
      { length: type === "float32" || type === "float16" ? dims.reduce((a, b) => a * b, 1) : 0 },
      (_, at) => Math.abs(Math.sin(at * 12.9898 + seed * 78.233) * 43_758.5453) % 1,
    );
    if (type === "float32") return [name, new Tensor(type, numbers, dims)];
    if (type === "float16") {
      const { buffer } = Float16Array.from(numbers);
      return [name, new Tensor(type, new Uint16Array(buffer), dims)];
    }
    return [name, zeroTensor(type, bytes, dims)];
  }));
}

function zeroTensor(type: GpuTensorType, bytes: Uint8Array, dims: readonly number[]): Tensor {
  switch (type) {
    case "int32":
      return new Tensor(type, new Int32Array(bytes.buffer), dims);
    case "uint32":
      return new Tensor(type, new Uint32Array(bytes.buffer), dims);
    case "int64":
      return new Tensor(type, new BigInt64Array(bytes.buffer), dims);
    default:
      return new Tensor("uint8", bytes, dims);
  }
}

async function isEqual(one: Tensor | undefined, other: Tensor | undefined): Promise<boolean> {
  if (one === undefined || other === undefined) return false;
  const [a, b] = [await one.getData(), await other.getData()].map((data) => {
    const { buffer, byteOffset, byteLength } = data as Uint8Array;
    return new Uint8Array(buffer, byteOffset, byteLength);
  });
  return sameBytes(a!, b!);
}

function writePadded(device: GPUDevice, buffer: GPUBuffer, bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.length % 4 === 0) {
    device.queue.writeBuffer(buffer, 0, bytes);
    return;
  }
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  device.queue.writeBuffer(buffer, 0, padded);
}
