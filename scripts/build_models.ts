/**
 * Builds the small ONNX models that tests, benches and examples use. As a program it writes them to a
 * folder: `deno run -A --lock=tests/deno.lock scripts/build_models.ts FOLDER`.
 *
 * @module
 */

import {
  convolutionModel,
  externalDataModel,
  greyModel,
  upscalerModel,
} from "./models/image_models.ts";
import { styleModel } from "./models/style_model.ts";

export * from "./models/broken_models.ts";
export * from "./models/image_models.ts";
export * from "./models/style_model.ts";

/** The files of the sound models: name to bytes. Sizes are dynamic unless the name says one. */
export function modelFiles(): Record<string, Uint8Array<ArrayBuffer>> {
  const external = externalDataModel("convolution_external.onnx.data");
  return {
    "convolution.onnx": convolutionModel(),
    "convolution_64x48.onnx": convolutionModel({ width: 64, height: 48 }),
    "convolution_f16.onnx": convolutionModel({ dtype: "float16" }),
    "convolution_nhwc.onnx": convolutionModel({ layout: "nhwc" }),
    "convolution_uint8.onnx": convolutionModel({ dtype: "uint8", layout: "nhwc" }),
    "convolution_external.onnx": external.model,
    [external.dataPath]: external.data,
    "upscaler.onnx": upscalerModel(),
    "grey.onnx": greyModel(),
    "style.onnx": styleModel(),
  };
}

/** Writes {@linkcode modelFiles} to a folder, which is made where it is missing. */
export async function writeModels(folder: string): Promise<string[]> {
  await Deno.mkdir(folder, { recursive: true });
  const files = modelFiles();
  for (const [name, bytes] of Object.entries(files)) {
    await Deno.writeFile(`${folder}/${name}`, bytes);
  }
  return Object.keys(files);
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models";
  const names = await writeModels(folder);
  // deno-lint-ignore no-console -- a program's output
  console.log(`Wrote ${names.length} files to ${folder}: ${names.join(", ")}`);
}
