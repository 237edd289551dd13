import assert from "node:assert/strict";
import VoiceActivity from "../../examples/voice_activity.ts";
import { roomLogger } from "../../src/base/mod.ts";
import type { AudioFrame } from "../../src/frames/mod.ts";
import { TrickleSubscriber } from "../../src/trickle/mod.ts";
import { InProcessStream, InProcessWorker } from "../e2e/in_process.ts";
import {
  audioFrames,
  concatenated,
  noise,
  silence,
  speechTest,
  speechVideo,
  spoken,
  tone,
} from "./sound.ts";
import { DEADLINE_MS, until } from "../waiting.ts";

const SENTENCE = "The quick brown fox jumps over the lazy dog.";

interface Line {
  readonly type: string;
  readonly time: number;
  readonly probability: number;
}

/** A processor in a stream, and the lines that it sent so far. */
async function listening(
  params: Record<string, unknown> = {},
): Promise<{ processor: VoiceActivity; lines: Line[] }> {
  const lines: Line[] = [];
  const processor = new VoiceActivity();
  await processor.initialize({
    params,
    log: roomLogger("test"),
    signal: new AbortController().signal,
    sendData: (text) => void lines.push(JSON.parse(text)),
    sendEvent: () => {},
    reportProgress: () => {},
  });
  processor.onStreamStart(params);
  return { processor, lines };
}

async function hear(processor: VoiceActivity, frames: Iterable<AudioFrame>): Promise<number> {
  let highest = 0;
  for (const frame of frames) {
    assert.equal(await processor.processAudio(frame), frame);
    highest = Math.max(highest, Number(processor.getMetrics()["speech_probability"]));
  }
  return highest;
}

function assertNear(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(
    Math.abs(actual! - expected) <= tolerance,
    `${actual} is within ${tolerance} of ${expected}`,
  );
}

for (const [sampleRate, channels] of [[48_000, 2], [44_100, 1], [16_000, 1]] as const) {
  speechTest(`VoiceActivity says when sentences begin and end, at ${sampleRate} Hz`, async () => {
    const sentence = await spoken(SENTENCE, sampleRate);
    const pause = silence(1, sampleRate);
    const sound = concatenated(pause, sentence, pause, sentence, pause);
    const { processor, lines } = await listening();
    await using _processor = processor;
    await hear(processor, audioFrames(sound, { sampleRate, channels, startSeconds: 10 }));
    processor.onStreamStop();
    const types = ["speech_start", "speech_end", "speech_start", "speech_end"];
    assert.deepEqual(lines.map(({ type }) => type), types);
    const seconds = sentence.length / sampleRate;
    // espeak-ng ends with a third of a second of silence.
    assertNear(lines[0]?.time, 11, 0.15);
    assertNear(lines[1]?.time, 11 + seconds - 0.3, 0.2);
    assertNear(lines[2]?.time, 12 + seconds, 0.15);
    assertNear(lines[3]?.time, 12 + 2 * seconds - 0.3, 0.2);
    assert.ok(lines[0]!.probability > 0.8 && lines[1]!.probability < 0.2);
  });
}

speechTest("VoiceActivity passes sound on as it came", async () => {
  const sentence = await spoken(SENTENCE);
  const { processor } = await listening();
  await using _processor = processor;
  const frames = [...audioFrames(sentence.subarray(0, 48_000))];
  const before = frames.map(({ samples }) => samples.map((channel) => channel.slice()));
  assert.ok(await hear(processor, frames) > 0.9);
  assert.deepEqual(frames.map(({ samples }) => samples), before);
});

speechTest(
  "VoiceActivity ends speech where the sound stops, and where it is interrupted",
  async () => {
    const sentence = (await spoken(SENTENCE)).subarray(0, 48_000);
    const { processor, lines } = await listening();
    await using _processor = processor;
    await hear(processor, audioFrames(sentence));
    assert.deepEqual(processor.getMetrics()["speech"], true);
    await hear(processor, audioFrames(sentence, { startSeconds: 5 }));
    processor.onStreamStop();
    assert.deepEqual(lines.map(({ type, time }) => [type, Math.round(time)]), [
      ["speech_start", 0],
      ["speech_end", 1],
      ["speech_start", 5],
      ["speech_end", 6],
    ]);
  },
);

for (
  const [name, sound] of [
    ["silence", silence(3)],
    ["white noise", noise(3)],
    ["loud white noise", noise(3, 0.9)],
    ["a tone of 440 Hz", tone(440, 3)],
    ["a tone of 3 kHz", tone(3000, 3)],
  ] as const
) {
  Deno.test(`VoiceActivity does not take ${name} for speech`, async () => {
    const { processor, lines } = await listening();
    await using _processor = processor;
    const highest = await hear(processor, audioFrames(sound));
    processor.onStreamStop();
    assert.deepEqual(lines, []);
    assert.ok(highest < 0.35, `the model was never surer than ${highest}`);
  });
}

speechTest("VoiceActivity takes changed parameters at once, and refuses wrong ones", async () => {
  const sentence = (await spoken(SENTENCE)).subarray(0, 48_000);
  const { processor, lines } = await listening({ min_speech_seconds: 10 });
  await using _processor = processor;
  await hear(processor, audioFrames(sentence));
  assert.throws(() => processor.updateParams({ min_speech_seconds: -1 }), /min_speech_seconds/);
  assert.equal(lines.length, 0);
  processor.updateParams({ min_speech_seconds: 0.1 });
  await hear(processor, audioFrames(sentence, { startSeconds: 1 }));
  assert.equal(lines[0]?.type, "speech_start");
});

speechTest("VoiceActivity tells a reader of the data channel of a stream", async () => {
  const video = await speechVideo(SENTENCE, { silenceSeconds: 1 });
  await using worker = await InProcessWorker.start(new VoiceActivity(), {
    overlay: { mode: "off" },
  });
  const { trickle } = worker;
  for (const name of ["in", "out"]) trickle.createChannel(name, "video/mp2t");
  const { status, message } = await worker.call("/stream/start", {
    gateway_request_id: "speech",
    subscribe_url: trickle.channelUrl("in"),
    publish_url: trickle.channelUrl("out"),
    data_url: trickle.channelUrl("data"),
    params: {},
  });
  assert.equal(status, 200, message);
  const urls = { input: trickle.channelUrl("in"), publish: trickle.channelUrl("out") };
  await using stream = new InProcessStream(worker, urls);
  const lines: Line[] = [];
  await using data = new TrickleSubscriber(trickle.channelUrl("data"), {
    start: 0,
    waitForChannelMs: DEADLINE_MS,
  });
  const reading = readLines(data, lines);
  await stream.feed([video]);
  await until(() => lines.length === 2, "two lines");
  await worker.call("/stream/stop");
  await reading;
  assert.deepEqual(lines.map(({ type }) => type), ["speech_start", "speech_end"]);
  assertNear(lines[1]!.time - lines[0]!.time, 2.5, 0.4);
  assert.deepEqual(worker.errors, []);
});

async function readLines(data: TrickleSubscriber, into: Line[]): Promise<void> {
  for await (const { body } of data) {
    const text = await new Response(ReadableStream.from(body)).text();
    into.push(...text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)));
  }
}
