/**
 * Reads words with the recognition model of PP-OCR.
 *
 * @module
 */

import type { Rect, VideoFrame } from "@runnel/runnel";
import { loadModel, type Model, type Provider } from "@runnel/runnel/inference";
import { textRecognitionLetters, textRecognitionModel } from "../../scripts/npm_models.ts";
import { decodeText, type ReadText } from "./ctc.ts";
import { frameTensor } from "./frame_tensor.ts";

/** What the model takes: lines of this height. */
const LINE_HEIGHT = 48;
/** Lines are stretched to a multiple of this, so that a GPU prepares itself for few widths. */
const WIDTH_STEP = 32;
/** Longer lines are squeezed. */
const MAX_WIDTH = 1280;

/** Reads upright text, of the letters of Chinese and English. Give it back with `await using`. */
export class TextReader implements AsyncDisposable {
  readonly #model: Model;
  readonly #letters: readonly string[];

  private constructor(model: Model, letters: readonly string[]) {
    this.#model = model;
    this.#letters = letters;
  }

  /** Loads the model. */
  static async load(options: { provider: Provider; signal: AbortSignal }): Promise<TextReader> {
    const letters = await Deno.readTextFile(textRecognitionLetters());
    return new TextReader(await loadModel(textRecognitionModel(), options), [
      ...letters.trimEnd().split("\n"),
      " ",
    ]);
  }

  /** Reads what is in each of the boxes, which are in pixels of the frame. */
  async read(frame: VideoFrame, boxes: readonly Rect[]): Promise<ReadText[]> {
    // On the CPU, a frame of YUV would be converted as a whole for each of the boxes.
    using pixels = frame.location === "cpu" ? frame.convert("rgb24") : frame.share();
    const texts: ReadText[] = [];
    for (const box of boxes) texts.push(await this.#readBox(pixels, box));
    return texts;
  }

  async #readBox(frame: VideoFrame, box: Rect): Promise<ReadText> {
    const steps = Math.ceil(LINE_HEIGHT * box.width / box.height / WIDTH_STEP);
    const line = frameTensor(frame, {
      crop: box,
      width: Math.min(MAX_WIDTH, steps * WIDTH_STEP),
      height: LINE_HEIGHT,
      channelOrder: "bgr",
      range: "-1-1",
    });
    const { inputs: [input], outputs: [output] } = this.#model;
    const results = await this.#model.run({ [input!.name]: line });
    const letters = results[output!.name]!;
    try {
      return decodeText(await letters.getData() as Float32Array, this.#letters);
    } finally {
      line.dispose();
      letters.dispose();
    }
  }

  /** Gives the model back. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model[Symbol.asyncDispose]();
  }
}
