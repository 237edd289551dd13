/**
 * Finds and reads text in live video with two models of PP-OCR, draws boxes around it, and
 * publishes what it found as a line of JSON on the data channel:
 *
 *     {"pts":90000,"time":1,"words":[{"text":"STATION","score":0.99,"box":[41,39,206,40]}]}
 *
 *     ./runnel process input.mp4 output.mp4 --processor examples/text_detection.ts
 *
 * Where models run on a GPU, frames stay there all along, and only the detector's map and the
 * letters come back. Parameters: `every` (10) is how many frames a result is shown for, `size`
 * (640) the longer side of the picture in which text is looked for, `threshold` (0.6) how sure the
 * detector must be, and `recognize` (true) whether text is read.
 */

import {
  drawOverlay,
  type OverlayBox,
  type ProcessorContext,
  type ProcessorParams,
  ticksToSeconds,
  type VideoFrame,
  type VideoResult,
} from "@runnel/runnel";
import { type Feeds, OnnxProcessor, type Provider } from "@runnel/runnel/inference";
import type { Tensor } from "onnxruntime-common";
import { z } from "zod";
import { textDetectionModel } from "../scripts/npm_models.ts";
import { parseParameters } from "./parameters.ts";
import { findBoxes, type TextBox } from "./text/boxes.ts";
import { frameTensor } from "./text/frame_tensor.ts";
import { TextReader } from "./text/text_reader.ts";

const Parameters = z.object({
  every: z.int().min(1).max(1000).default(10),
  size: z.int().min(32).max(1920).default(640),
  threshold: z.number().min(0.3).max(1).default(0.6),
  recognize: z.boolean().default(true),
});

/**
 * What the detector was trained with: the statistics of ImageNet, in the order blue, green, red.
 */
const COLOURS = {
  channelOrder: "bgr",
  range: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
} as const;
/** The detector halves its picture five times. */
const SIDE_STEP = 32;
/** A text of which the reader is less sure is left out. */
const MIN_READING_SCORE = 0.5;

interface Word {
  readonly box: TextBox;
  readonly text?: string;
}

/** Finds text. Frames leave as large as they came. */
export default class TextDetection extends OnnxProcessor {
  #parameters = Parameters.parse({});
  #reader: TextReader | undefined;
  #frames = 0;
  #words: readonly Word[] = [];

  /** `provider` says what runs the models: the GPU where there is one, unless given. */
  constructor(options: { readonly provider?: Provider } = {}) {
    super({ model: textDetectionModel(), ...options });
  }

  /** Loads both models. */
  override async initialize(context: ProcessorContext): Promise<void> {
    await super.initialize(context);
    const { provider } = this.model;
    this.#reader ??= await TextReader.load({ provider, signal: context.signal });
  }

  /** Begins anew, with the parameters of the stream. */
  override onStreamStart(params: ProcessorParams): Promise<void> {
    this.#parameters = parseParameters(Parameters, params);
    this.#frames = 0;
    this.#words = [];
    return Promise.resolve();
  }

  /** Takes changed parameters. */
  override updateParams(params: ProcessorParams): void {
    this.#parameters = parseParameters(Parameters, { ...this.#parameters, ...params });
  }

  /** Looks for text now and then; in between, what was found is drawn again. */
  override async processVideo(frame: VideoFrame): Promise<VideoResult> {
    const isTurn = this.#frames++ % this.#parameters.every === 0;
    return isTurn ? await super.processVideo(frame) : this.#draw(frame);
  }

  /** The frame as the detector takes it: in a size near its own shape. */
  override preprocess(frame: VideoFrame): Feeds {
    const scale = Math.min(1, this.#parameters.size / Math.max(frame.width, frame.height));
    const fit = (side: number): number =>
      Math.max(1, Math.round(side * scale / SIDE_STEP)) * SIDE_STEP;
    const size = { width: fit(frame.width), height: fit(frame.height) };
    return { [this.model.inputs[0]!.name]: frameTensor(frame, { ...COLOURS, ...size }) };
  }

  /** From the detector's map to words: read, published and drawn. */
  override async postprocess(
    outputs: Readonly<Record<string, Tensor>>,
    frame: VideoFrame,
  ): Promise<VideoFrame> {
    const map = outputs[this.model.outputs[0]!.name]!;
    const [, , height, width] = map.dims as [number, number, number, number];
    const data = await map.getData() as Float32Array;
    const boxes = findBoxes({ data, width, height }, this.#parameters.threshold)
      .map((box) => scaledBox(box, frame.width / width, frame.height / height));
    this.#words = await this.#read(frame, boxes);
    this.#publish(frame);
    return this.#draw(frame);
  }

  /** What was found, and how the model runs. */
  override getMetrics(): Readonly<Record<string, unknown>> {
    return { ...super.getMetrics(), words: this.#words.length };
  }

  /** Gives both models back. */
  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader?.[Symbol.asyncDispose]();
    this.#reader = undefined;
    await super[Symbol.asyncDispose]();
  }

  async #read(frame: VideoFrame, boxes: readonly TextBox[]): Promise<Word[]> {
    if (!this.#parameters.recognize) return boxes.map((box) => ({ box }));
    const texts = await this.#reader!.read(frame, boxes);
    return boxes.map((box, index) => {
      const { text, score } = texts[index]!;
      return score < MIN_READING_SCORE ? { box } : { box, text };
    });
  }

  #publish({ timestamp, timeBase }: VideoFrame): void {
    const words = this.#words.map(({ box: { x, y, width, height, score }, text }) => ({
      ...(text === undefined ? {} : { text }),
      score: Math.round(score * 1000) / 1000,
      box: [x, y, width, height],
    }));
    const time = ticksToSeconds(timestamp, timeBase);
    this.context.sendData(JSON.stringify({ pts: timestamp, time, words }));
  }

  #draw(frame: VideoFrame): VideoFrame {
    const items = this.#words.map(({ box, text }): OverlayBox => {
      const { x, y, width, height } = box;
      const label = text === undefined ? {} : { label: text };
      return { kind: "box", x, y, width, height, color: [0, 255, 0], ...label };
    });
    return drawOverlay(frame, items);
  }
}

/** The box in the frame, on whole pixels. */
function scaledBox({ x, y, width, height, score }: TextBox, byX: number, byY: number): TextBox {
  const [left, top] = [Math.round(x * byX), Math.round(y * byY)];
  return {
    x: left,
    y: top,
    width: Math.round((x + width) * byX) - left,
    height: Math.round((y + height) * byY) - top,
    score,
  };
}
