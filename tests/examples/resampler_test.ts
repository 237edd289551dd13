import assert from "node:assert/strict";
import { SPEECH_RATE, SpeechResampler } from "../../examples/voice/resampler.ts";
import { noise, tone } from "./sound.ts";

function level(sound: Float32Array): number {
  return Math.sqrt(sound.reduce((sum, sample) => sum + sample * sample, 0) / sound.length);
}

for (const sampleRate of [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 47_999]) {
  Deno.test(`SpeechResampler keeps a tone as it is, from ${sampleRate} Hz`, () => {
    const resampler = new SpeechResampler(sampleRate);
    const sound = tone(1_000, 0.5, sampleRate);
    const heard = resampler.push([sound]);
    const expected = tone(1_000, 0.5, SPEECH_RATE);
    // The beginning of a tone out of silence has all frequencies.
    const [from, to] = [400, heard.length - 400];
    const error = heard.slice(from, to).map((sample, at) => sample - expected[from + at]!);
    assert.ok(level(error) < 0.002, `an error of ${level(error)}`);
    const seconds = heard.length / SPEECH_RATE + resampler.heldSeconds;
    assert.ok(Math.abs(seconds - sound.length / sampleRate) < 1e-6, `${seconds} s in all`);
    assert.ok(resampler.heldSeconds < 0.0025);
  });
}

Deno.test("SpeechResampler removes what 16 kHz cannot carry", () => {
  const heard = new SpeechResampler(48_000).push([tone(10_000, 0.5)]);
  assert.ok(level(heard.slice(200)) < 0.001, `${level(heard.slice(200))} is left`);
});

Deno.test("SpeechResampler mixes channels", () => {
  const sound = tone(1_000, 0.1);
  const inverse = sound.map((sample) => -sample);
  assert.ok(level(new SpeechResampler(48_000).push([sound, inverse])) < 1e-6);
});

for (const sampleRate of [44_100, 48_000, 192_000]) {
  Deno.test(`SpeechResampler gives the same for any split, from ${sampleRate} Hz`, () => {
    const sound = noise(0.2);
    const whole = new SpeechResampler(sampleRate).push([sound]);
    for (const size of [1, 7, 1_024]) {
      const resampler = new SpeechResampler(sampleRate);
      const pieces: number[] = [];
      for (let at = 0; at < sound.length; at += size) {
        pieces.push(...resampler.push([sound.subarray(at, at + size)]));
      }
      assert.deepEqual(Float32Array.from(pieces), whole);
    }
  });
}
