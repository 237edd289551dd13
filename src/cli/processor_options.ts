/**
 * Which processor the frames go through, and on which GPU: options of the commands that run one.
 *
 * @module
 */

import { type Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import { UrlPolicy, withoutCredentials } from "../base/mod.ts";
import { sharedGpu } from "../gpu/mod.ts";
import {
  type LoadModelOptions,
  modelPaths,
  OnnxProcessor,
  type OnnxProcessorOptions,
} from "../inference/mod.ts";
import { MAX_PICTURE_SIDE } from "../media/picture.ts";
import { type FrameProcessor, loadProcessor, processorFileUrl } from "../processor/mod.ts";
import type { ProcessorModule } from "../worker/mod.ts";
import type { IsolatedProcessorOptions } from "./isolated_processor.ts";
import type { CommandContext } from "./command_run.ts";
import { option, wholeNumber } from "./options.ts";
import { bytesLine } from "./progress_bar.ts";

/** Values of the options that {@linkcode addProcessorOptions} adds. */
export interface ProcessorFlags {
  readonly processor: string;
  readonly model?: string;
  readonly modelOptions: ModelOptions;
  readonly gpuDepth: number;
  readonly gpuAdapter?: string;
  readonly requireGpu: boolean;
  /** Where a model's URL may lead, among others. @default everywhere but to metadata addresses */
  readonly allowUrls?: readonly string[];
}

/** Most frames of `--gpu-depth`: each holds a few pictures on the device. */
const MAX_GPU_DEPTH = 16;

const tensorOptions = z.strictObject({
  name: z.string().exactOptional(),
  layout: z.enum(["nchw", "nhwc", "chw", "hwc"]).exactOptional(),
  channels: z.literal([1, 3, 4]).exactOptional(),
  channelOrder: z.enum(["rgb", "bgr"]).exactOptional(),
});

const RANGES = ["0-1", "0-255", "-1-1"] as const;
const statistics = z.strictObject({ mean: z.array(z.number()), std: z.array(z.number()) });
const side = z.int().min(1).max(MAX_PICTURE_SIDE);
const byte = z.number().min(0).max(255);

const modelOptions = z.strictObject({
  input: tensorOptions.extend({
    range: z.union([z.enum(RANGES), statistics]).exactOptional(),
    width: side.exactOptional(),
    height: side.exactOptional(),
    multipleOf: z.int().min(1).max(1024).exactOptional(),
    fit: z.enum(["stretch", "cover", "letterbox", "pad"]).exactOptional(),
    background: z.tuple([byte, byte, byte]).exactOptional(),
  }).exactOptional(),
  output: tensorOptions.extend({
    range: z.union([z.enum([...RANGES, "minmax"]), statistics]).exactOptional(),
    size: z.enum(["model", "frame"]).exactOptional(),
  }).exactOptional(),
  provider: z.enum(["auto", "webgpu", "wasm"]).exactOptional(),
  load: z.strictObject({
    sha256: z.string().regex(/^[0-9a-fA-F]{64}$/, "must be 64 hexadecimal digits").exactOptional(),
    dims: z.record(z.string(), z.int().min(1)).exactOptional(),
    graphCapture: z.boolean().exactOptional(),
  }).exactOptional(),
});

type ModelOptions = z.infer<typeof modelOptions>;

/** Adds `--processor`, `--model` and what goes with it, and the choice of the GPU. */
export function addProcessorOptions(command: Command): Command {
  return command
    .addOption(option("--processor <name>", "built-in processor, or FILE.ts", {
      env: "RUNNEL_PROCESSOR",
      default: "passthrough",
    }))
    .addOption(
      option("--model <file>", "ONNX model from image to image, a file or URL, as the processor", {
        env: "RUNNEL_MODEL",
      }).conflicts("processor"),
    )
    .addOption(
      option<ModelOptions>("--model-options <json>", "how the model takes and gives pictures", {
        env: "RUNNEL_MODEL_OPTIONS",
        parse: parseModelOptions,
      }).default({}, "{}"),
    )
    .addOption(option("--gpu-depth <frames>", "frames that may be on the GPU at once", {
      env: "RUNNEL_GPU_DEPTH",
      default: 2,
      parse: wholeNumber(1, MAX_GPU_DEPTH),
    }))
    .addOption(option("--gpu-adapter <name>", "part of the name of the GPU to use", {
      env: "GPU_ADAPTER",
    }))
    .addOption(option<boolean>("--require-gpu", "fail where there is no hardware GPU", {
      env: "REQUIRE_GPU",
      default: false,
    }));
}

/**
 * Opens the GPU where one was asked for, and finds the processor. Rejects with a `GpuError` or
 * `ConfigError`.
 */
export async function chooseProcessor(
  flags: ProcessorFlags,
  context: CommandContext,
): Promise<FrameProcessor | (() => FrameProcessor)> {
  const { gpuAdapter, requireGpu, model } = flags;
  if (requireGpu || gpuAdapter !== undefined) {
    await sharedGpu({
      requireHardware: requireGpu,
      ...(gpuAdapter === undefined ? {} : { adapter: gpuAdapter }),
    });
  }
  if (model === undefined) return await loadProcessor(flags.processor);
  const options = modelProcessor(model, flags, context);
  return () => new OnnxProcessor(options);
}

/** What makes the same processor in a thread of its own; the progress of a download is not shown. */
export function isolatedProcessor(flags: ProcessorFlags): ProcessorModule {
  const { model, modelOptions: { load, ...image }, gpuAdapter, requireGpu } = flags;
  const loading = { ...load, ...allowed(flags) };
  // A process may not even ask for its working directory.
  const file = processorFileUrl(flags.processor);
  const processor = file ?? flags.processor;
  return {
    module: import.meta.resolve("./isolated_processor.ts"),
    ...(model !== undefined || file === undefined ? {} : { imports: [file] }),
    options: {
      processor,
      model: model === undefined ? undefined : { ...image, model: absolute(model), load: loading },
      gpuAdapter,
      requireGpu,
    } satisfies IsolatedProcessorOptions,
  };
}

/**
 * Files that the model of these flags is read from in a process that may read no others: its own and those
 * of its weights. A model from the web is downloaded first, since the process may not.
 */
export async function modelFiles(
  { model, modelOptions: { load }, allowUrls }: ProcessorFlags,
  context?: CommandContext,
): Promise<string[]> {
  if (model === undefined) return [];
  return await modelPaths(absolute(model), {
    ...(context === undefined ? {} : downloading(model, context)),
    sha256: load?.sha256,
    urls: new UrlPolicy({ allow: allowUrls }),
  });
}

/** A path that means the same in another working directory; URLs stay as they are. */
function absolute(path: string): string {
  if (/^[a-z][a-z0-9+.-]+:/i.test(path) || path.startsWith("/")) return path;
  return Deno.build.os === "windows" ? path : `${Deno.cwd()}/${path}`;
}

/** The processor in words. */
export function describeProcessor({ processor, model }: ProcessorFlags): string {
  return withoutCredentials(model ?? processor);
}

function modelProcessor(
  model: string,
  flags: ProcessorFlags,
  context: CommandContext,
): OnnxProcessorOptions {
  const { load, ...image } = flags.modelOptions;
  const loading = { ...load, ...allowed(flags), ...downloading(model, context) };
  return { ...image, model, load: loading };
}

function allowed({ allowUrls }: ProcessorFlags): Pick<LoadModelOptions, "allowUrls"> {
  return allowUrls === undefined ? {} : { allowUrls };
}

function downloading(
  model: string,
  { terminal, signal }: CommandContext,
): Required<Pick<LoadModelOptions, "signal" | "onProgress">> {
  const shown = withoutCredentials(model);
  return {
    signal,
    onProgress: ({ loadedBytes, totalBytes }) => {
      terminal.status(`${shown}: ${bytesLine(loadedBytes, totalBytes)}`);
      if (loadedBytes === totalBytes) terminal.keepStatus();
    },
  };
}

function parseModelOptions(text: string): ModelOptions {
  const example = 'Use a JSON object, such as {"input":{"range":"-1-1"},"provider":"wasm"}';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError(`${example}.`);
  }
  const parsed = modelOptions.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`${example}: ${z.prettifyError(parsed.error)}`);
}
