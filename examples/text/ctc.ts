/**
 * From what a text recognizer gives to text: greedy CTC decoding.
 *
 * @module
 */

/** A text, and how sure the model is of its letters on average, 0 to 1. */
export interface ReadText {
  readonly text: string;
  readonly score: number;
}

/**
 * Takes the likeliest letter of each step. A letter that is repeated counts once, unless a blank is
 * in between. Class 0 is the blank, class `n` is `letters[n - 1]`.
 */
export function decodeText(steps: Float32Array, letters: readonly string[]): ReadText {
  const classes = letters.length + 1;
  let text = "";
  let sum = 0;
  let count = 0;
  let last = 0;
  for (let start = 0; start + classes <= steps.length; start += classes) {
    const best = likeliest(steps.subarray(start, start + classes));
    if (best !== 0 && best !== last) {
      text += letters[best - 1]!;
      sum += steps[start + best]!;
      count++;
    }
    last = best;
  }
  return { text, score: count === 0 ? 0 : sum / count };
}

function likeliest(probabilities: Float32Array): number {
  let best = 0;
  for (let index = 1; index < probabilities.length; index++) {
    if (probabilities[index]! > probabilities[best]!) best = index;
  }
  return best;
}
