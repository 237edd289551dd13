/**
 * Super resolution with an ONNX model, on the GPU where there is one: frames leave as large as the
 * model makes them. The model here is a small one that doubles, built on the spot; UPSCALE_MODEL
 * names a file or URL of your own.
 *
 *     ./runnel process input.mp4 output.mp4 --processor examples/super_resolution.ts
 *
 * It reports each size that it publishes on the data channel.
 */

import type { VideoFrame } from "@runnel/runnel";
import { OnnxProcessor } from "@runnel/runnel/inference";
import type { Tensor } from "onnxruntime-common";
import { upscalerModel } from "../scripts/build_models.ts";

class SuperResolution extends OnnxProcessor {
  #reported = "";

  override async postprocess(
    outputs: Readonly<Record<string, Tensor>>,
    frame: VideoFrame,
  ): Promise<VideoFrame | null> {
    const result = await super.postprocess(outputs, frame);
    const size = `${result?.width}x${result?.height}`;
    if (size !== this.#reported) this.context.sendData(JSON.stringify({ size }));
    this.#reported = size;
    return result;
  }
}

export default (): OnnxProcessor =>
  new SuperResolution({ model: Deno.env.get("UPSCALE_MODEL") ?? upscalerModel() });
