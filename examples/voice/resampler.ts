/**
 * Sound as speech models take it: one channel, 16 kHz.
 *
 * @module
 */

/** Samples per second that come out. */
export const SPEECH_RATE = 16_000;

/** Periods of the filter's sine on each side of a sample: more is sharper, and slower. */
const LOBES = 16;
/** How much of the band that both rates have is kept; the rest is for the filter's slope. */
const KEPT_BAND = 0.92;
/** Places between two input samples that the filter is computed for; 44.1 kHz needs 160. */
const MAX_PHASES = 640;

/**
 * Mixes channels down and resamples with a windowed sinc, piece by piece: any split of the sound
 * into pieces gives the same samples. Sample `n` that comes out is the sound at `n / 16000`
 * seconds; it comes once the filter has seen a millisecond beyond that.
 */
export class SpeechResampler {
  /** Samples per second that go in. */
  readonly sampleRate: number;
  readonly #filters: readonly Float32Array[];
  /** Input samples on each side of an output sample. */
  readonly #reach: number;
  /** An output sample is `#advance / #parts` input samples after the one before. */
  readonly #parts: number;
  readonly #advance: number;
  /** Input that is still needed. Before the first sample there is silence. */
  #input: Float32Array;
  /** Where the next output sample is in `#input`: whole samples, and parts of one. */
  #index: number;
  #part = 0;

  /** Computes the filters for a rate. */
  constructor(sampleRate: number) {
    this.sampleRate = sampleRate;
    const divisor = commonDivisor(sampleRate, SPEECH_RATE);
    this.#parts = SPEECH_RATE / divisor;
    this.#advance = sampleRate / divisor;
    const cutoff = Math.min(1, SPEECH_RATE / sampleRate) * KEPT_BAND;
    this.#reach = Math.ceil(LOBES / cutoff);
    const phases = Math.min(this.#parts, MAX_PHASES);
    this.#filters = Array.from(
      { length: phases },
      (_, phase) => sincFilter({ offset: phase / phases, cutoff, reach: this.#reach }),
    );
    this.#input = new Float32Array(this.#reach);
    this.#index = this.#reach;
  }

  /** Sound that went in and has not come out yet, in seconds. */
  get heldSeconds(): number {
    return (this.#input.length - this.#index - this.#part / this.#parts) / this.sampleRate;
  }

  /** Takes one array per channel, and gives what can be computed so far. */
  push(channels: readonly Float32Array[]): Float32Array {
    const input = appendMixed(this.#input, channels);
    const output: number[] = [];
    while (this.#index + this.#reach < input.length) {
      output.push(this.#sampleAt(input));
      this.#part += this.#advance;
      this.#index += Math.floor(this.#part / this.#parts);
      this.#part %= this.#parts;
    }
    // A rate above 16 kHz may step over samples that have not come yet.
    const done = Math.min(this.#index - this.#reach, input.length);
    this.#input = input.slice(done);
    this.#index -= done;
    return Float32Array.from(output);
  }

  #sampleAt(input: Float32Array): number {
    const phase = Math.floor(this.#part * this.#filters.length / this.#parts);
    const filter = this.#filters[phase]!;
    const first = this.#index - this.#reach;
    let sum = 0;
    for (let tap = 0; tap < filter.length; tap++) sum += filter[tap]! * input[first + tap]!;
    return sum;
  }
}

/**
 * The filter around a point `offset` samples after the middle one; steady sound keeps its level.
 */
function sincFilter(
  { offset, cutoff, reach }: { offset: number; cutoff: number; reach: number },
): Float32Array {
  const taps = Array.from({ length: 2 * reach + 1 }, (_, tap) => {
    const distance = tap - reach - offset;
    const angle = Math.PI * distance * cutoff;
    const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
    return sinc * Math.cos(Math.PI / 2 * distance / (reach + 1)) ** 2;
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return Float32Array.from(taps, (tap) => tap / sum);
}

function appendMixed(before: Float32Array, channels: readonly Float32Array[]): Float32Array {
  const length = channels[0]?.length ?? 0;
  const all = new Float32Array(before.length + length);
  all.set(before);
  const mixed = all.subarray(before.length);
  for (const channel of channels) {
    for (let at = 0; at < length; at++) mixed[at]! += channel[at]! / channels.length;
  }
  return all;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
