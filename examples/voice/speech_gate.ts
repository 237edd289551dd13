/**
 * From probabilities to the beginning and end of speech.
 *
 * @module
 */

/** When a {@linkcode SpeechGate} opens and closes. */
export interface SpeechGateOptions {
  /** A probability from which sound is speech, 0 to 1. */
  readonly threshold: number;
  /** Speech begins when it was this long. */
  readonly minSpeechSeconds: number;
  /** Speech ends when there was none for this long. */
  readonly minSilenceSeconds: number;
}

/** What a gate says. */
export interface SpeechChange {
  readonly type: "speech_start" | "speech_end";
  /** When it was, in seconds; a little in the past. */
  readonly time: number;
}

/** By how much less than the threshold is silence: a voice that wavers there is one sentence. */
const HYSTERESIS = 0.15;

/**
 * Opens for speech and closes for silence; both must last, so that a click or a breath is neither.
 */
export class SpeechGate {
  #isOpen = false;
  /** Since when it looks as if the gate should open, or close. */
  #since: number | undefined;

  /** Whether somebody speaks. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Takes the probability of speech from `start` to `end`, in seconds. */
  update(
    { start, end, probability }: { start: number; end: number; probability: number },
    { threshold, minSpeechSeconds, minSilenceSeconds }: SpeechGateOptions,
  ): SpeechChange | undefined {
    const isSpeech = probability >= threshold;
    const isSilence = probability < threshold - HYSTERESIS;
    const [speaksForChange, speaksAgainst] = this.#isOpen
      ? [isSilence, isSpeech]
      : [isSpeech, isSilence];
    if (speaksForChange) this.#since ??= start;
    if (speaksAgainst) this.#since = undefined;
    const needed = this.#isOpen ? minSilenceSeconds : minSpeechSeconds;
    if (this.#since === undefined || end - this.#since < needed) return undefined;
    return this.#change(this.#since);
  }

  /** The sound is over, or interrupted. */
  close(time: number): SpeechChange | undefined {
    const change = this.#isOpen ? this.#change(this.#since ?? time) : undefined;
    this.#since = undefined;
    return change;
  }

  #change(time: number): SpeechChange {
    this.#isOpen = !this.#isOpen;
    this.#since = undefined;
    return { type: this.#isOpen ? "speech_start" : "speech_end", time };
  }
}
