import assert from "node:assert/strict";
import { SpeechGate } from "../../examples/voice/speech_gate.ts";

const OPTIONS = { threshold: 0.5, minSpeechSeconds: 0.3, minSilenceSeconds: 0.5 };

/** What the gate says of probabilities of a tenth of a second each. */
function changes(...probabilities: number[]): string[] {
  const gate = new SpeechGate();
  const said = probabilities.map((probability, index) =>
    gate.update({ start: index / 10, end: (index + 1) / 10, probability }, OPTIONS)
  );
  said.push(gate.close(probabilities.length / 10));
  return said.flatMap((change) => change === undefined ? [] : [`${change.type} ${change.time}`]);
}

Deno.test("SpeechGate opens for speech that lasts, and closes for silence that does", () => {
  const speech = [0, 0, 0.9, 0.9, 0.9, 0.9];
  const silence = [0, 0, 0, 0, 0, 0];
  assert.deepEqual(changes(...speech, ...silence), ["speech_start 0.2", "speech_end 0.6"]);
});

Deno.test("SpeechGate takes a click for nothing", () => {
  assert.deepEqual(changes(0, 0.9, 0.9, 0, 0.9, 0.9, 0, 0), []);
});

Deno.test("SpeechGate takes a breath for a part of the sentence", () => {
  const breath = [0.9, 0.9, 0.9, 0, 0, 0, 0, 0.9, 0.9];
  assert.deepEqual(changes(...breath), ["speech_start 0", "speech_end 0.9"]);
});

Deno.test("SpeechGate does not mind a probability just below the threshold", () => {
  assert.deepEqual(changes(0.9, 0.4, 0.9, 0.9), ["speech_start 0", "speech_end 0.4"]);
  const wavering = [0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4];
  assert.deepEqual(changes(0.9, 0.9, 0.9, ...wavering), ["speech_start 0", "speech_end 1"]);
});

Deno.test("SpeechGate ends speech where it was last heard when the sound is over", () => {
  assert.deepEqual(changes(0.9, 0.9, 0.9, 0.9, 0, 0), ["speech_start 0", "speech_end 0.4"]);
});
