import assert from "node:assert/strict";
import TextDetection from "../../examples/text_detection.ts";
import { MPEG_TIME_BASE, roomLogger } from "../../src/base/mod.ts";
import { convertPicture, type Rect, VideoFrame } from "../../src/frames/mod.ts";
import type { Provider } from "../../src/inference/mod.ts";
import type { ProcessorContext } from "../../src/processor/mod.ts";
import { openFileSession, type Session } from "../../src/session/mod.ts";
import { MemorySink } from "../session/in_memory.ts";
import {
  type DrawnWord,
  ffmpeg,
  gpuWordsTest,
  inkRect,
  overlap,
  WORDS,
  WORDS_SIZE,
  wordsInput,
  wordsPicture,
  wordsTest,
} from "./words.ts";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** A line of the data channel. */
interface Line {
  readonly pts: number;
  readonly time: number;
  readonly words: readonly LineWord[];
}

interface LineWord {
  readonly text?: string;
  readonly score: number;
  readonly box: [number, number, number, number];
}

function contextFor(sendData: (text: string) => void): ProcessorContext {
  return {
    params: {},
    log: roomLogger("test"),
    signal: new AbortController().signal,
    sendData,
    sendEvent: () => {},
    reportProgress: () => {},
  };
}

/** A processor in a stream, and the lines that it sent so far. */
async function detecting(
  options: { provider?: Provider; params?: Record<string, unknown> } = {},
): Promise<{ processor: TextDetection; lines: Line[] }> {
  const lines: Line[] = [];
  const processor = new TextDetection({ provider: options.provider ?? "wasm" });
  await processor.initialize(contextFor((text) => void lines.push(JSON.parse(text))));
  await processor.onStreamStart(options.params ?? {});
  return { processor, lines };
}

async function wordsFrame(
  words: readonly DrawnWord[],
  size: Size,
  ptsTicks = 0,
): Promise<VideoFrame> {
  const data = await wordsPicture(words, { ...size, pixelFormat: "yuv420p" });
  return new VideoFrame({ pixelFormat: "i420", data, ...size, ptsTicks, timeBase: MPEG_TIME_BASE });
}

/** The frame that comes out, as RGB. */
async function process(processor: TextDetection, frame: VideoFrame): Promise<Uint8Array> {
  const result = await processor.processVideo(frame);
  assert.ok(result !== null);
  using output = result;
  assert.equal(output.timestamp, frame.timestamp);
  await output.to("cpu");
  return convertPicture(output, "rgb24");
}

function rectOf([x, y, width, height]: [number, number, number, number]): Rect {
  return { x, y, width, height };
}

/** Asserts that a line has these words where they are, and no other. */
async function assertWords(
  line: Line | undefined,
  words: readonly DrawnWord[],
  size: Size,
): Promise<void> {
  assert.ok(line !== undefined);
  assert.equal(line.words.length, words.length, JSON.stringify(line));
  for (const word of words) {
    const ink = await inkRect(word, size);
    const found: LineWord | undefined = line.words.find(({ box }) =>
      overlap(rectOf(box), ink) > 0.5
    );
    assert.ok(found, `a box around ${word.text} in ${JSON.stringify(line)}`);
    assert.equal(found.text, word.text);
    assert.ok(found.score > 0.9 && found.score <= 1, `${found.score}`);
  }
}

/** The share of the pixels on the edges of a box that are green. */
function greenness(pixels: Uint8Array, width: number, box: Rect): number {
  let [green, total] = [0, 0];
  const look = (x: number, y: number): void => {
    const [red, level, blue] = pixels.subarray((y * width + x) * 3, (y * width + x) * 3 + 3);
    total++;
    if (level! > 200 && red! < 80 && blue! < 80) green++;
  };
  for (let x = box.x + 2; x < box.x + box.width - 2; x++) look(x, box.y + box.height - 1);
  for (let y = box.y + 2; y < box.y + box.height - 2; y++) {
    look(box.x, y);
    look(box.x + box.width - 1, y);
  }
  return green / total;
}

function assertBoxes(pixels: Uint8Array, width: number, line: Line): void {
  for (const { box } of line.words) {
    const share = greenness(pixels, width, rectOf(box));
    assert.ok(share > 0.7, `${share} of the edge of ${box} is green`);
  }
}

wordsTest("TextDetection finds and reads every word, and draws boxes around them", async () => {
  const { processor, lines } = await detecting();
  await using _processor = processor;
  using frame = await wordsFrame(WORDS, WORDS_SIZE, 45_000);
  const pixels = await process(processor, frame);
  assert.equal(lines.length, 1);
  const [line] = lines;
  assert.deepEqual([line?.pts, line?.time], [45_000, 0.5]);
  await assertWords(line, WORDS, WORDS_SIZE);
  assertBoxes(pixels, WORDS_SIZE.width, line!);
  assert.equal(processor.getMetrics()["words"], WORDS.length);
});

wordsTest("TextDetection finds words in a frame larger than it looks at", async () => {
  const size = { width: 1350, height: 870 };
  const words = WORDS.map(({ text, x, y, fontSize }) => {
    return { text, x: x * 3, y: y * 3, fontSize: fontSize * 3 };
  });
  const { processor, lines } = await detecting({ params: { size: 448 } });
  await using _processor = processor;
  using frame = await wordsFrame(words, size);
  const pixels = await process(processor, frame);
  await assertWords(lines[0], words, size);
  assertBoxes(pixels, size.width, lines[0]!);
});

wordsTest("TextDetection looks at every Nth frame, and shows boxes on all of them", async () => {
  const small = { width: 192, height: 96 };
  const words = [{ text: "Exit", x: 50, y: 25, fontSize: 40 }];
  const { processor, lines } = await detecting({ params: { every: 3, recognize: false } });
  await using _processor = processor;
  for (const index of [0, 1, 2, 3]) {
    // A box stays on frames that are empty until the processor looks again.
    using frame = await wordsFrame(index === 0 ? words : [], small, index * 3_000);
    const before = convertPicture(frame, "rgb24");
    const pixels = await process(processor, frame);
    if (index < 3) assertBoxes(pixels, small.width, lines[0]!);
    else assert.deepEqual(pixels, before);
  }
  assert.deepEqual(lines.map(({ pts, words }) => [pts, words.length]), [[0, 1], [9_000, 0]]);
  assert.deepEqual(Object.keys(lines[0]!.words[0]!), ["score", "box"]);
});

wordsTest("TextDetection takes changed parameters at once, and refuses wrong ones", async () => {
  const small = { width: 192, height: 96 };
  const { processor, lines } = await detecting({ params: { every: 1, threshold: 1 } });
  await using _processor = processor;
  const frames = async (): Promise<void> => {
    using frame = await wordsFrame([{ text: "Exit", x: 50, y: 25, fontSize: 40 }], small);
    await process(processor, frame);
  };
  await frames();
  assert.throws(() => processor.updateParams({ every: 0 }), /every/);
  processor.updateParams({ threshold: 0.5 });
  await frames();
  processor.updateParams({ recognize: false });
  await frames();
  const texts = lines.map(({ words }) => words.map(({ text }) => text));
  assert.deepEqual(texts, [[], ["Exit"], [undefined]]);
});

gpuWordsTest(
  "TextDetection works on a frame on the GPU, and leaves it there",
  async () => {
    const size = { width: 224, height: 96 };
    const words = [{ text: "GATE", x: 50, y: 25, fontSize: 44 }];
    const { processor, lines } = await detecting({ provider: "webgpu" });
    await using _processor = processor;
    assert.equal(processor.device, "gpu");
    using frame = await wordsFrame(words, size);
    await frame.to("gpu");
    const result = await processor.processVideo(frame);
    assert.ok(result !== null);
    using output = result;
    assert.equal(output.location, "gpu");
    await output.to("cpu");
    await assertWords(lines[0], words, size);
    assertBoxes(convertPicture(output, "rgb24"), size.width, lines[0]!);
  },
);

wordsTest(
  "TextDetection works in a session, and its lines go out on the data channel",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      const [input, output] = [`${folder}/in.mp4`, `${folder}/out.mp4`];
      await ffmpeg(...wordsInput(WORDS, WORDS_SIZE), "-t", "1", "-pix_fmt", "yuv420p", input);
      const data = new MemorySink();
      const metrics = await processFile({ input, output, data });
      assert.deepEqual([metrics.frames_out, metrics.frames_dropped], [10, 0]);
      const text = data.whole.map((bytes) => new TextDecoder().decode(bytes)).join("");
      const lines = text.trimEnd().split("\n").map((line): Line => JSON.parse(line));
      assert.equal(lines.length, 2);
      assert.ok(Math.abs(lines[1]!.time - lines[0]!.time - 0.5) < 0.01);
      for (const line of lines) await assertWords(line, WORDS, WORDS_SIZE);
      const last = ["-sseof", "-0.2", "-i", output, "-frames:v", "1"];
      const pixels = await ffmpeg(...last, "-f", "rawvideo", "-pix_fmt", "rgb24", "-");
      assertBoxes(pixels, WORDS_SIZE.width, lines[1]!);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

async function processFile(
  files: { input: string; output: string; data: MemorySink },
): Promise<ReturnType<Session["metrics"]>> {
  await using processor = new TextDetection({ provider: "wasm" });
  const opened: { session?: Session } = {};
  await processor.initialize(contextFor((text) => opened.session?.sendData(text)));
  const params = { every: 5 };
  const { session } = await openFileSession({ id: "words", processor, params, ...files });
  opened.session = session;
  await using _session = session;
  session.start();
  assert.deepEqual((await session.ended).reason, "input-ended");
  return session.metrics();
}
