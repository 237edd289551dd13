import assert from "node:assert/strict";
import { assertEveryFrame } from "./assertions.ts";
import { encodeClip, type EncodedClip, type EncodeOptions, shownTicks } from "./clips.ts";
import { decodeAudio, decodeVideo, soundSeconds } from "./decoding.ts";
import { assertDecodesCleanly } from "./ffmpeg.ts";
import { Chain, type StillWorker, type StreamOutput } from "./harness.ts";

const LIVE = "-c:v libx264 -preset superfast -tune zerolatency -g 20 -pix_fmt yuv420p";
const B_FRAMES = "-c:v libx264 -preset fast -g 20 -bf 3 -x264-params b-adapt=0 -pix_fmt yuv420p";
const HEVC = "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=20:bframes=2 " +
  "-pix_fmt yuv420p";
const UNEVEN = "-fps_mode passthrough -enc_time_base 1:90000 " +
  "-vf settb=1/90000,setpts=(N+0.6*mod(N\\,2))*4500";
const AAC = "-c:a aac -ac 2 -ar 48000";

/** What a source may send. */
const VARIANTS: Readonly<Record<string, EncodeOptions>> = {
  "HEVC and AAC": { video: HEVC, audio: AAC },
  "H.264 with B-frames and AAC": { video: B_FRAMES, audio: AAC },
  "video without audio": { video: LIVE },
  "MP3 audio": { video: LIVE, audio: "-c:a libmp3lame -ac 2" },
  "AC-3 audio": { video: LIVE, audio: "-c:a ac3 -ac 2" },
  "AC-3 5.1 audio": { video: LIVE, audio: "-c:a ac3 -ac 6" },
  "Opus audio": { video: LIVE, audio: "-c:a libopus -ac 2" },
  "mono audio": { video: LIVE, audio: "-c:a aac -ac 1" },
  "5.1 audio": { video: LIVE, audio: "-c:a aac -ac 6" },
  "audio at 44.1 kHz": { video: LIVE, audio: "-c:a aac -ac 2 -ar 44100" },
  "1 frame a second": { video: `${LIVE} -g 2`, audio: AAC, fps: 1, frames: 2 },
  "60 frames a second": { video: LIVE, audio: AAC, fps: 60 },
  "uneven frame times": { video: `${UNEVEN} ${LIVE}`, audio: AAC },
  "an odd size, 4:4:4": { video: `${LIVE} -pix_fmt yuv444p`, audio: AAC, width: 321, height: 241 },
  "full range, BT.601": {
    video: `${LIVE} -vf scale=out_range=pc -color_range pc -colorspace smpte170m`,
    audio: AAC,
  },
};

Deno.test("what sources may send comes through whole", async (t) => {
  await using chain = await Chain.startHere("passthrough", { targetFps: 60 });
  for (const [name, options] of Object.entries(VARIANTS)) {
    await t.step(name, async () => {
      const clip = await encodeClip(options);
      const output = await runBytes(chain, clip);
      await assertDecodesCleanly(output.bytes, name);
      assertEveryFrame(await decodeVideo(output.bytes), shownTicks(clip));
      const { frames_dropped, error_count, codec_restarts } = await chain.metrics();
      assert.deepEqual([frames_dropped, error_count, codec_restarts], [0, 0, 0]);
      if (options.audio !== undefined) await assertSound(output, clip.seconds);
    });
  }
});

Deno.test("a source without video comes through in segments of two seconds", async () => {
  await using chain = await Chain.startHere();
  const clip = await encodeClip({ audio: AAC, frames: 100 });
  const output = await runBytes(chain, clip);
  assert.equal(output.segments.length, 3, "segments of 5 s");
  for (const [seq, segment] of output.segments.entries()) {
    await assertDecodesCleanly(segment, `segment ${seq}`);
  }
  await assertSound(output, clip.seconds);
});

async function runBytes(chain: Chain<StillWorker>, clip: EncodedClip): Promise<StreamOutput> {
  await using stream = await chain.open();
  await stream.feedBytes(clip.bytes);
  return await stream.end();
}

/** All of the tone is there, to within a few frames of the encoders' run-in. */
async function assertSound({ bytes }: StreamOutput, wantedSeconds: number): Promise<void> {
  const seconds = soundSeconds(await decodeAudio(bytes));
  assert.ok(Math.abs(seconds - wantedSeconds) < 0.15, `${seconds} s of ${wantedSeconds} s`);
}
