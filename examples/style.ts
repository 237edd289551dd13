/**
 * Style transfer with an ONNX model, on the GPU where there is one. The model here is a small
 * network that draws ink lines, built on the spot; STYLE_MODEL names a file or URL of your own.
 *
 *     ./runnel demo --processor examples/style.ts
 *     STYLE_MODEL=mosaic.onnx STYLE_RANGE=0-255 ./runnel demo --processor examples/style.ts
 *
 * The network sees 512 by 288 pixels, for speed, and frames leave in the size in which they came.
 * Bars around frames of another shape are cut off again.
 */

import { OnnxProcessor } from "@runnel/runnel/inference";
import { styleModel } from "../scripts/build_models.ts";

const model = Deno.env.get("STYLE_MODEL");
// Many style models take and give 0-255; the output takes its range from the input.
const range = Deno.env.get("STYLE_RANGE") === "0-255" ? "0-255" : "0-1";

export default (): OnnxProcessor =>
  model === undefined
    ? new OnnxProcessor({ model: styleModel(), input: { width: 512, height: 288 } })
    : new OnnxProcessor({ model, input: { range } });
