/**
 * The processor of `--isolate`: chosen by the same flags, in the thread of its stream.
 *
 * @module
 */

import { sharedGpu } from "../../gpu/mod.ts";
import { OnnxProcessor, type OnnxProcessorOptions } from "../../inference/mod.ts";
import { type FrameProcessor, loadProcessor, resolveProcessor } from "../../processor/mod.ts";

/** What is copied into the thread. */
export interface IsolatedProcessorOptions {
  /** Name or file of `--processor`. */
  readonly processor: string;
  /** `--model` with what goes with it, in place of `processor`. */
  readonly model: OnnxProcessorOptions | undefined;
  readonly gpuAdapter: string | undefined;
  readonly requireGpu: boolean;
}

/** Opens the thread's own GPU where one was asked for, and makes the processor. */
export default async function createIsolatedProcessor(
  options: IsolatedProcessorOptions,
): Promise<FrameProcessor> {
  const { processor, model, gpuAdapter, requireGpu } = options;
  if (requireGpu || gpuAdapter !== undefined) {
    await sharedGpu({
      requireHardware: requireGpu,
      ...(gpuAdapter === undefined ? {} : { adapter: gpuAdapter }),
    });
  }
  return model === undefined
    ? resolveProcessor(await loadProcessor(processor))
    : new OnnxProcessor(model);
}
