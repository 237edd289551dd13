import assert from "node:assert/strict";
import { clipEvents, type MediaClip, OutputProbe } from "../../bench/live_feed.ts";
import { AudioFrame, TrickleClient, type TrickleClientOptions, VideoFrame } from "../../mod.ts";
import {
  createTestPicture,
  drawTestFrame,
  type MediaEvent,
  writeSegments,
} from "../../src/source/mod.ts";
import { TricklePublisher, TrickleSubscriber } from "../../src/trickle/mod.ts";
import { gpuTest } from "../gpu/gpu_case.ts";
import { assertEveryFrame } from "./assertions.ts";
import { findDescendant } from "./children.ts";
import { CLIP, encodeClip, makeTestClip, movedClip, shownTicks } from "./clips.ts";
import { beepStarts, decodeAudio, decodeVideo, flashTimes, loudness } from "./decoding.ts";
import { assertDecodesCleanly } from "./ffmpeg.ts";
import { joined } from "./harness.ts";
import { ManualClock } from "../trickle/manual_clock.ts";
import { until, within } from "../waiting.ts";
import { WatchedServer } from "./watched_server.ts";

/** 40 ms in 90 kHz. */
const TOLERANCE_TICKS = 3600;
/** How far what is fed may get ahead of the pictures that come out: sound waits for them for 2 s. */
const MAX_AHEAD_TICKS = 90_000;
const TIME_BASE = { num: 1, den: 90_000 };

Deno.test("a client's loop carries every frame and the sound from channel to channel", async () => {
  await using rig = new ClientRig();
  const clip = await makeTestClip();
  const feeding = rig.feed(clip);
  for await (const frame of rig.client.videoFrames()) await rig.client.publishVideoFrame(frame);
  await feeding;
  const media = await rig.closed();
  await assertWhole(media, clip);
  assert.equal(rig.client.metrics.frames_dropped, 0);
});

gpuTest("a client publishes frames that are on the GPU, and they stay there", async () => {
  await using rig = new ClientRig();
  const clip = await makeTestClip();
  const feeding = rig.feed(clip);
  for await (const frame of rig.client.videoFrames()) {
    await frame.to("gpu");
    using converted = frame.convert("rgba");
    await rig.client.publishVideoFrame(converted);
    assert.equal(converted.location, "gpu");
  }
  await feeding;
  const media = await rig.closed();
  await assertWhole(media, clip);
  assert.equal(rig.client.metrics.frames_dropped, 0);
});

Deno.test("a client may change the sound on its way", async () => {
  const clip = await makeTestClip();
  const plain = await runSound(clip, 1);
  const halved = await runSound(clip, 0.5);
  const ratio = loudness(await decodeAudio(halved)) / loudness(await decodeAudio(plain));
  assert.ok(Math.abs(ratio - 0.5) < 0.05, `half the samples gave ${ratio}`);
});

Deno.test("a client's sound follows a source that changes its audio codec", async () => {
  await using rig = new ClientRig({ publishAudio: "frames" });
  const video = "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p";
  const stereo = await encodeClip({ video, audio: "-c:a libopus -ac 2" });
  const mono = await encodeClip({ video, audio: "-c:a aac -ac 1 -ar 44100" });
  const feeding = rig.feedAll([stereo, movedClip(mono, stereo.seconds * 90_000)]);
  const shapes = new Set<string>();
  for await (const frame of rig.client.audioFrames()) {
    shapes.add(`${frame.channels} channels at ${frame.sampleRate} Hz`);
  }
  await feeding;
  assert.deepEqual([...shapes], ["2 channels at 48000 Hz", "1 channels at 44100 Hz"]);
});

Deno.test("a client's frames have the size and format that it asks for", async () => {
  await using rig = new ClientRig({ pixelFormat: "rgb24", size: { width: 160, height: 120 } });
  const clip = await makeTestClip({ seconds: 1 });
  const feeding = rig.feed(clip);
  for await (const frame of rig.client.videoFrames()) {
    assert.deepEqual(frame.tensor.dims, [120, 160, 3]);
    await rig.client.publishVideoFrame(frame);
  }
  await feeding;
  const frames = await decodeVideo(await rig.closed());
  assertEveryFrame(frames, shownTicks(clip));
  assert.deepEqual([frames[0]!.picture.width, frames[0]!.picture.height], [160, 120]);
});

Deno.test("a client without an input publishes what it is given", async () => {
  await using rig = new ClientRig({ publishAudio: "none" }, { withInput: false });
  const picture = createTestPicture(CLIP);
  const ticks = Array.from({ length: 45 }, (_, index) => 90_000 + index * 4_500);
  for (const [frameNumber, ptsTicks] of ticks.entries()) {
    drawTestFrame(picture, { frameNumber, fps: CLIP.fps });
    const frame = new VideoFrame({ ...picture, ptsTicks, timeBase: TIME_BASE });
    await rig.client.publishVideoFrame(frame);
  }
  const media = await rig.closed();
  await assertDecodesCleanly(media, "the output");
  assertEveryFrame(await decodeVideo(media), ticks);
});

Deno.test("a client that leaves its loop early leaves nothing behind", async () => {
  await using rig = new ClientRig();
  const clip = await makeTestClip({ seconds: 10 });
  const stop = new AbortController();
  const feeding = rig.feed(clip, stop.signal);
  let count = 0;
  for await (const frame of rig.client.videoFrames()) {
    await rig.client.publishVideoFrame(frame);
    if (++count === 10) break;
  }
  const media = await rig.closed();
  stop.abort();
  await feeding;
  assertEveryFrame(await decodeVideo(media), shownTicks(clip).slice(0, 10));
  if (Deno.build.os === "linux") {
    assert.equal(await findDescendant(Deno.pid, "rawvideo"), undefined, "a decoder is left");
    assert.equal(await findDescendant(Deno.pid, "libx264"), undefined, "an encoder is left");
    assert.equal(await findDescendant(Deno.pid, "libopus"), undefined, "a transcoder is left");
  }
});

/** Carries a clip through a client that multiplies its samples. */
async function runSound(clip: MediaClip, factor: number): Promise<Uint8Array> {
  await using rig = new ClientRig({ publishAudio: "frames" });
  const { client } = rig;
  const feeding = rig.feed(clip);
  const video = (async () => {
    for await (const frame of client.videoFrames()) await client.publishVideoFrame(frame);
  })();
  const audio = (async () => {
    for await (const frame of client.audioFrames()) {
      assert.ok(frame instanceof AudioFrame);
      const samples = frame.samples.map((channel) => channel.map((sample) => sample * factor));
      await client.publishAudioFrame(frame.replaceSamples(samples));
    }
  })();
  await Promise.all([feeding, video, audio]);
  const media = await rig.closed();
  await assertWhole(media, clip);
  return media;
}

async function assertWhole(media: Uint8Array, clip: MediaClip): Promise<void> {
  await assertDecodesCleanly(media, "the output");
  const frames = await decodeVideo(media);
  assertEveryFrame(frames, shownTicks(clip));
  const [flashes, beeps] = [flashTimes(frames), beepStarts(await decodeAudio(media))];
  assert.equal(beeps.length, flashes.length, `beeps at ${beeps.join()}, ${flashes.join()}`);
  for (const [index, beep] of beeps.entries()) {
    const apart = beep - flashes[index]!;
    assert.ok(Math.abs(apart) <= TOLERANCE_TICKS, `${apart / 90} ms from flash to beep ${index}`);
  }
}

/** A trickle server, a client between two of its channels, a feed and a reader. */
class ClientRig implements AsyncDisposable {
  readonly client: TrickleClient;
  readonly #server = new WatchedServer();
  readonly #publisher: TricklePublisher;
  readonly #subscriber: TrickleSubscriber;
  readonly #probe: OutputProbe;
  #fedSegments = 0;

  constructor(options: TrickleClientOptions = {}, { withInput = true } = {}) {
    this.#server.listen();
    for (const name of ["in", "out"]) this.#server.createChannel(name, "video/mp2t");
    const [input, output] = ["in", "out"].map((name) => this.#server.channelUrl(name));
    this.#publisher = new TricklePublisher(input!);
    this.#subscriber = new TrickleSubscriber(output!, { start: 0 });
    this.#probe = new OutputProbe(this.#subscriber, { keepBytes: true });
    this.#probe.ended.catch(() => {}); // thrown by closed()
    const subscribeUrl = withInput ? { subscribeUrl: input! } : {};
    this.client = new TrickleClient({
      publishUrl: output!,
      // The client may be as slow as it likes: that costs no frame.
      maxQueueSize: 300,
      clock: new ManualClock(),
      ...subscribeUrl,
      ...options,
    });
  }

  /** Feeds a clip at the pace at which it comes out again, and ends the input. */
  async feed(clip: MediaClip, signal?: AbortSignal): Promise<void> {
    await this.feedAll([clip], (events) => this.#paced(events, signal), signal);
  }

  /** Feeds clips one after another, as fast as the client reads them, and ends the input. */
  async feedAll(
    clips: readonly MediaClip[],
    pace: (events: AsyncIterable<MediaEvent>) => AsyncIterable<MediaEvent> = (events) => events,
    signal?: AbortSignal,
  ): Promise<void> {
    const open = async () => {
      await this.#untilRead(signal);
      this.#fedSegments++;
      return await this.#publisher.next();
    };
    for (const clip of clips) {
      const { failedSegments } = await writeSegments(pace(clipEvents(clip)), open);
      assert.equal(failedSegments, 0, "segments of the feed that failed");
    }
    // What a reader has not begun with is gone with the channel.
    await this.#untilRead(signal);
    await this.#publisher.close();
  }

  /** Events when their turn has come, until the signal aborts. */
  async *#paced(
    events: AsyncIterable<MediaEvent>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MediaEvent> {
    let firstTicks: number | undefined;
    for await (const event of events) {
      if (event.kind === "packet") {
        const { dtsTicks } = event.packet;
        firstTicks ??= dtsTicks;
        const reached = () => this.#probe.video.at(-1)?.packet.ptsTicks ?? firstTicks!;
        const isNear = () => signal?.aborted === true || dtsTicks - reached() <= MAX_AHEAD_TICKS;
        await until(isNear, "pictures at the output");
      }
      if (signal?.aborted === true) return;
      yield event;
    }
  }

  /** Waits until the client reads the last segment that was fed. */
  async #untilRead(signal?: AbortSignal): Promise<void> {
    const last = this.#fedSegments - 1;
    await within(this.#server.untilRead("in", last, signal), `a reader of segment ${last}`);
  }

  /** Closes the client, and waits for the end of its output: all of that. */
  async closed(): Promise<Uint8Array> {
    await within(this.client.close(), "the client's end");
    await within(this.#probe.ended, "the end of the output channel");
    return joined(this.#probe.segments);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.#publisher[Symbol.asyncDispose]();
    await this.#subscriber[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}
