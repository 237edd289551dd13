/**
 * Runnel: a GPU runtime for live video and audio. A worker subscribes to a trickle channel, decodes it,
 * hands every frame to a {@linkcode FrameProcessor}, encodes what comes back and publishes it.
 *
 * Run it with `deno run -A mod.ts serve --processor my_processor.ts`, or import it:
 *
 * ```ts ignore
 * import { defineProcessor, StreamServer } from "@runnel/runnel";
 *
 * const processor = defineProcessor({ video: (frame) => frame });
 * await new StreamServer({ processor, port: 8000 }).runForever();
 * ```
 *
 * @module
 */

export * from "./src/base/errors.ts";
export {
  type HostLookup,
  UrlPolicy,
  type UrlPolicyOptions,
  type UrlRules,
} from "./src/base/net/url_policy.ts";
export { MPEG_TIME_BASE, type Rational, rescaleTicks, ticksToSeconds } from "./src/base/mod.ts";
export * from "./src/frames/mod.ts";
export {
  currentGpu,
  type Fit,
  type FitMapping,
  fitMapping,
  Gpu,
  type GpuOptions,
  type GpuPicture,
  type ImageDims,
  type ImageToTensorOptions,
  parseImageDims,
  type ShaderParam,
  type ShaderParams,
  sharedGpu,
  type TensorRange,
  type TensorSpec,
} from "./src/gpu/mod.ts";
// Names of earlier versions.
export {
  type ImageDims as ImageShape,
  type ImageToTensorOptions as PictureToTensorOptions,
  parseImageDims as parseImageShape,
} from "./src/gpu/mod.ts";
export { rgbTensor as pictureToTensor } from "./src/frames/mod.ts";
export * from "./src/inference/mod.ts";
export * from "./src/livepeer/mod.ts";
export * from "./src/processor/mod.ts";
export * from "./src/server/mod.ts";
export {
  type Admission,
  admitByLag,
  type IsolationKind,
  type ProcessorModule,
  type ProcessorPermissions,
  type StreamSession,
  type WorkerLoad,
  type WorkerOptions,
} from "./src/worker/mod.ts";
export * from "./src/session/mod.ts";
export {
  TricklePublisher,
  type TricklePublisherOptions,
  TrickleServer,
  type TrickleServerOptions,
  TrickleSubscriber,
  type TrickleSubscriberOptions,
} from "./src/trickle/mod.ts";

if (import.meta.main) {
  // A library user must not load the commands, nor what they are made of. And nothing is awaited here:
  // a processor's file may import this module, and would wait for the command that waits for the file.
  void import("./src/cli/mod.ts").then(async ({ exitProcess, main }) =>
    exitProcess(await main(Deno.args))
  );
}
