/**
 * Processors of models as a session drives them: on frames, with a context, on each provider.
 *
 * @module
 */

import { roomLogger } from "../../src/base/mod.ts";
import type { Picture, VideoFrame } from "../../src/frames/mod.ts";
import { OnnxProcessor, type OnnxProcessorOptions } from "../../src/inference/onnx_processor.ts";
import type { FrameProcessor, ProcessorContext } from "../../src/processor/mod.ts";
import { gpuTest } from "../gpu/gpu_case.ts";

/** Where a test runs its model. */
export type TestProvider = "wasm" | "webgpu";

/** A test for each provider; that of the GPU is skipped where there is none. */
export function providerTest(
  name: string,
  run: (provider: TestProvider) => void | Promise<void>,
): void {
  Deno.test(`${name} (wasm)`, () => run("wasm"));
  gpuTest(`${name} (webgpu)`, () => run("webgpu"));
}

/** A context that keeps the lines of data it is given. */
export function fakeContext(): { context: ProcessorContext; sent: string[] } {
  const sent: string[] = [];
  const context: ProcessorContext = {
    params: {},
    log: roomLogger("test"),
    signal: new AbortController().signal,
    sendData: (text) => void sent.push(text),
    sendEvent: () => {},
    reportProgress: () => {},
  };
  return { context, sent };
}

/** An initialized processor. */
export async function openProcessor(options: OnnxProcessorOptions): Promise<OnnxProcessor> {
  return await initialized(new OnnxProcessor(options));
}

/** The processor, initialized. */
export async function initialized<T extends FrameProcessor>(processor: T): Promise<T> {
  await processor.initialize(fakeContext().context);
  return processor;
}

/** What the processor makes of a frame, in CPU memory; closes the frame and the result. */
export async function processed(processor: FrameProcessor, frame: VideoFrame): Promise<Picture> {
  using input = frame;
  const result = await processor.processVideo(input);
  if (result === null) throw new Error("the frame was dropped");
  using output = result;
  if (output.timestamp !== frame.timestamp) throw new Error("the result has another time");
  await output.to("cpu");
  const { pixelFormat, width, height, color } = output;
  return { pixelFormat, width, height, color, data: output.data.slice() };
}
