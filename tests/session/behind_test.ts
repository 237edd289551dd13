/** Live streams that are behind their input, on a clock that the test moves. */

import assert from "node:assert/strict";
import type { VideoFrame } from "../../src/frames/mod.ts";
import { MpegTsMuxer } from "../../src/media/mpegts/mod.ts";
import type { Packet } from "../../src/media/types.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { FfmpegBatch } from "../media/ffmpeg_batch.ts";
import { until } from "../waiting.ts";
import { demux } from "./clips.ts";
import { errorsOf, Rig, type RigOptions } from "./rig.ts";

const FPS = 20;
const FRAME_MS = 1_000 / FPS;
const GOP = 10;
/** Pictures of noise are large: a few fill a pipe. */
const NOISE = `testsrc2=s=160x128:r=${FPS}:d=8,noise=alls=90:allf=t`;
const clip = new FfmpegBatch().add([
  ...["-f", "lavfi", "-i", NOISE, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10"],
  ...["-tune", "zerolatency", "-g", `${GOP}`, "-sc_threshold", "0", "-f", "mpegts", "pipe:1"],
]);

/** A live stream whose pictures arrive when the test says so. */
class LiveRig extends Rig {
  readonly #muxer = new MpegTsMuxer({ video: { codec: "h264" } });
  #packets: Packet[] | undefined;
  #next = 0;

  constructor(options: RigOptions) {
    super({ pace: "live", maxQueueSize: 1_000, maxQueueLatencyMs: Infinity, ...options });
    this.session.start();
  }

  /** Pictures arrive, each so long after the one before; resolves when they were read. */
  async arrive(count: number, everyMs = FRAME_MS): Promise<void> {
    this.#packets ??= demux(await clip());
    for (let i = 0; i < count; i++) {
      const packet = this.#packets[this.#next++]!;
      const start = packet.keyframe ? [this.#muxer.startSegment()] : [];
      const parts = [...start, this.#muxer.write(packet)];
      this.clock.advance(everyMs);
      await this.source.feedSegment(
        new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()),
      );
      await until(() => this.session.metrics().segments_in === this.#next, "a picture is read");
    }
  }

  /** Numbers of the pictures that went out, by their times. */
  get pictures(): number[] {
    const first = this.#packets![0]!.ptsTicks;
    return this.videoTicks.map((ticks) => (ticks - first) / 90 / FRAME_MS);
  }

  /** Whether everything that came went out, or was counted as lost. */
  get isIdle(): boolean {
    const { frames_in, frames_out, frames_dropped } = this.session.metrics();
    return frames_in === this.#next && frames_out + frames_dropped === frames_in;
  }

  get behind(): number {
    return this.session.metrics().frames_dropped_by_reason.behind ?? 0;
  }
}

/** Is through with a frame when the test says so. */
class Waits extends FrameProcessor {
  readonly calls: (() => void)[] = [];

  override async processVideo(frame: VideoFrame): Promise<VideoFrame> {
    await new Promise<void>((resolve) => this.calls.push(resolve));
    return frame;
  }

  /** Waits for a call, and ends it. */
  async end(): Promise<void> {
    await until(() => this.calls.length > 0, "a call of the processor");
    this.calls.shift()!();
  }
}

Deno.test("a stream that is joined late passes over the backlog that it does not work off", async () => {
  const processor = new Waits();
  const rig = new LiveRig({ processor, overlay: { mode: "off" } });
  await rig.arrive(20, 0); // a second is in the channel when it starts
  await until(() => processor.calls.length > 0, "the first frame");
  await rig.arrive(20);
  await processor.end();
  await processor.end(); // the second is as late as the first was
  await until(() => processor.calls.length > 0, "the third");
  rig.clock.advance(300);
  // The fourth goes out, since nothing has for 300 ms, and then the first that is on time.
  for (let call = 0; call < 5; call++) await processor.end();
  rig.source.end();
  await rig.ended();
  assert.deepEqual(rig.pictures.slice(0, 4), [0, 1, 2, 3]);
  assert.deepEqual(rig.pictures.slice(4), [37, 38, 39]);
  assert.deepEqual(rig.session.metrics().frames_dropped_by_reason, { behind: 33 });
  assert.deepEqual(rig.errors, []);
});

Deno.test("a stream that is decoded too slowly goes on at the newest keyframe, and says so once", async () => {
  const rig = new LiveRig({ processor: new (class extends FrameProcessor {})() });
  await rig.arrive(GOP);
  await until(() => rig.session.metrics().frames_out === GOP, "a stream that runs");
  let jumps = 0;
  // A machine that is busy may take the decoder for one that hangs before enough has come.
  for (let round = 0; jumps < 2 && round < 5; round++) {
    const { behind } = rig;
    const decoder = rig.session.codecPids.decoder;
    if (decoder !== undefined) Deno.kill(decoder, "SIGSTOP");
    await rig.arrive(3 * GOP, 2 * FRAME_MS);
    if (decoder !== undefined && decoder === rig.session.codecPids.decoder) {
      Deno.kill(decoder, "SIGCONT");
    }
    await until(() => rig.isIdle, "an input that was read");
    if (rig.behind > behind) jumps++;
  }
  rig.source.end();
  await rig.ended();
  assert.equal(jumps, 2);
  const gaps = rig.pictures.filter((picture, i, all) => i > 0 && picture > all[i - 1]! + 1);
  assert.ok(gaps.length >= 2 && gaps.every((picture) => picture % GOP === 0), `${rig.pictures}`);
  const codes = errorsOf(rig.events).map(({ error }) => (error as { code?: string }).code);
  assert.deepEqual(codes.filter((code) => code === "MEDIA_TOO_SLOW"), ["MEDIA_TOO_SLOW"]);
});
