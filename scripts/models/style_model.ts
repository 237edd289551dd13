/**
 * A small network in the shape of a style-transfer model: three convolutions with ReLU between them,
 * 24 channels wide (26 kB). It draws: strong colours, dark lines where the picture has edges.
 *
 * @module
 */

import { floatTensor, modelBytes, node } from "./graph.ts";
import type { PictureSize } from "./image_models.ts";

const CHANNELS = 24;
/** Channels of the first layer: the colours, then the four edge directions, then grain. */
const EDGES_AT = 3;
const GRAIN_AT = 7;
const LUMA = [0.299, 0.587, 0.114];
const SOBEL_X = [-1, 0, 1, -2, 0, 2, -1, 0, 1];
const SOBEL_Y = [-1, -2, -1, 0, 0, 0, 1, 2, 1];
const CENTRE = 4;

/** How dark a full edge is drawn, and how far colours are pushed apart. */
const INK = 0.9;
const CONTRAST = 1.35;

/**
 * `input` → `output`, `[1,3,height,width]`, float32 0–1. Height and width are dynamic where `size` has
 * none. The weights are the same at each call.
 */
export function styleModel({ width, height }: PictureSize = {}): Uint8Array<ArrayBuffer> {
  const dims = [1, 3, height ?? "height", width ?? "width"];
  const layer = (index: number, [from, to]: readonly [string, string]) =>
    node("Conv", [[from, `weights${index}`, `bias${index}`], [to]], {
      kernel_shape: [3, 3],
      pads: [1, 1, 1, 1],
    });
  const lift = (1 - CONTRAST) / 2;
  return modelBytes({
    name: "style",
    inputs: [{ name: "input", type: "float32", dims }],
    outputs: [{ name: "output", type: "float32", dims }],
    nodes: [
      layer(1, ["input", "features"]),
      node("Relu", [["features"], ["kept"]]),
      layer(2, ["kept", "mixed"]),
      node("Relu", [["mixed"], ["drawn"]]),
      layer(3, ["drawn", "picture"]),
      node("Clip", [["picture", "black", "white"], ["output"]]),
    ],
    initializers: [
      floatTensor("weights1", [CHANNELS, 3, 3, 3], { values: firstLayer() }),
      floatTensor("bias1", [CHANNELS], { values: new Array<number>(CHANNELS).fill(0) }),
      floatTensor("weights2", [CHANNELS, CHANNELS, 3, 3], { values: secondLayer() }),
      floatTensor("bias2", [CHANNELS], { values: new Array<number>(CHANNELS).fill(0) }),
      floatTensor("weights3", [3, CHANNELS, 3, 3], { values: thirdLayer() }),
      floatTensor("bias3", [3], { values: [lift, lift, lift] }),
      floatTensor("black", [], { values: [0] }),
      floatTensor("white", [], { values: [1] }),
    ],
  });
}

/** Weights `[outputs][inputs][3][3]`, all 0 until they are set. */
class Kernel {
  readonly values: number[];

  constructor(readonly inputs: number, outputs: number) {
    this.values = new Array<number>(outputs * inputs * 9).fill(0);
  }

  set([to, from]: readonly [number, number], taps: readonly number[]): void {
    taps.forEach((tap, at) => this.values[(to * this.inputs + from) * 9 + at] = tap);
  }

  /** Only the pixel itself. */
  copy(channels: readonly [number, number], gain = 1): void {
    this.set(channels, [0, 0, 0, 0, gain, 0, 0, 0, 0]);
  }
}

function firstLayer(): readonly number[] {
  const kernel = new Kernel(3, CHANNELS);
  const edges = [SOBEL_X, SOBEL_X.map((tap) => -tap), SOBEL_Y, SOBEL_Y.map((tap) => -tap)];
  for (let color = 0; color < 3; color++) {
    kernel.copy([color, color]);
    edges.forEach((taps, at) =>
      kernel.set([EDGES_AT + at, color], taps.map((tap) => tap * LUMA[color]! / 4))
    );
  }
  const random = randomNumbers(1);
  for (let to = GRAIN_AT; to < CHANNELS; to++) {
    for (let from = 0; from < 3; from++) {
      const taps = Array.from({ length: 9 }, () => random() * 0.2);
      // The taps sum to 0: flat areas stay clean, and only texture makes grain.
      taps[CENTRE]! -= taps.reduce((sum, tap) => sum + tap, 0);
      kernel.set([to, from], taps);
    }
  }
  return kernel.values;
}

/** Colours go through; channel 3 gathers the edges, thickened; grain is mixed. */
function secondLayer(): readonly number[] {
  const kernel = new Kernel(CHANNELS, CHANNELS);
  for (let color = 0; color < 3; color++) kernel.copy([color, color]);
  const thick = [0.1, 0.3, 0.1, 0.3, 1, 0.3, 0.1, 0.3, 0.1];
  for (let at = 0; at < 4; at++) kernel.set([EDGES_AT, EDGES_AT + at], thick);
  const random = randomNumbers(2);
  for (let to = GRAIN_AT; to < CHANNELS; to++) {
    for (let from = GRAIN_AT; from < CHANNELS; from++) {
      kernel.set([to, from], Array.from({ length: 9 }, () => random() * 0.05));
    }
  }
  return kernel.values;
}

function thirdLayer(): readonly number[] {
  const kernel = new Kernel(CHANNELS, 3);
  const random = randomNumbers(3);
  for (let color = 0; color < 3; color++) {
    kernel.copy([color, color], CONTRAST);
    kernel.copy([color, EDGES_AT], -INK);
    for (let from = GRAIN_AT; from < CHANNELS; from++) {
      kernel.set([color, from], Array.from({ length: 9 }, () => random() * 0.02));
    }
  }
  return kernel.values;
}

/** Numbers from -1 to 1, the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}
