/** What pixels mean survives, or is said anew: their shape, their colours, and a high dynamic range. */

import assert from "node:assert/strict";
import { VideoFrame } from "../../src/frames/mod.ts";
import { yuvPlanes } from "../../src/media/picture.ts";
import { FrameProcessor } from "../../src/processor/mod.ts";
import { decodeVideo } from "../e2e/decoding.ts";
import { runProgram } from "../e2e/ffmpeg.ts";
import { FfmpegBatch, type Made } from "../media/ffmpeg_batch.ts";
import { joined } from "./clips.ts";
import { Passthrough, Rig, type RigOptions } from "./rig.ts";

const batch = new FfmpegBatch();

function clip(source: string, codec: string): Made {
  return batch.add([...`-f lavfi -t 0.2 -i ${source}`.split(" "), ...codec.split(" ")]);
}

function hevc(transfer: string): string {
  const tags = `colorprim=bt2020:colormatrix=bt2020nc:transfer=${transfer}`;
  return `-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -x265-params log-level=none:${tags} ` +
    "-f mpegts pipe:1";
}

/** Black, the white of graphics and the brightest, in 10 bits, a third of the picture each. */
function greys(white: number, brightest: number): string {
  const lum = `if(lt(X\\,64)\\,64\\,if(lt(X\\,128)\\,${white}\\,${brightest}))`;
  return `color=black:s=192x64:r=25,format=yuv420p10le,geq=lum=${lum}:cb=512:cr=512`;
}

const CLIPS = {
  pal: clip(
    "testsrc2=s=352x288:r=25",
    "-vf setsar=16/11 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -colorspace bt470bg " +
      "-color_primaries bt470bg -color_trc gamma28 -f mpegts pipe:1",
  ),
  bt2020: clip("testsrc2=s=640x360:r=25", hevc("bt2020-10")),
  pq: clip(greys(573, 721), hevc("smpte2084")),
  hlg: clip(greys(721, 940), hevc("arib-std-b67")),
};

interface Tags {
  readonly sample_aspect_ratio?: string;
  readonly color_space?: string;
  readonly color_primaries?: string;
  readonly color_transfer?: string;
  readonly color_range?: string;
}

async function tagsOf(media: Uint8Array): Promise<Tags> {
  const words = "-v error -select_streams v -show_streams -of json pipe:0";
  const { stdout } = await runProgram("ffprobe", words, media);
  const { streams } = JSON.parse(new TextDecoder().decode(stdout)) as { streams: Tags[] };
  return streams[0]!;
}

/** Takes a clip through a session. */
async function through(made: Made, options: RigOptions = {}): Promise<Uint8Array> {
  const rig = new Rig(options);
  rig.session.start();
  await rig.source.feed([await made()]);
  rig.source.end();
  assert.equal((await rig.ended()).reason, "input-ended");
  assert.deepEqual(rig.errors, []);
  assert.equal(rig.session.metrics().frames_dropped, 0);
  return joined(rig.sink.whole);
}

/** Makes a frame of its own in the size of the input. */
class Anew extends FrameProcessor {
  override processVideo(frame: VideoFrame): VideoFrame {
    const { pixelFormat, width, height, color, timestamp: ptsTicks, timeBase } = frame;
    const data = frame.data.slice();
    return new VideoFrame({ pixelFormat, data, width, height, color, ptsTicks, timeBase });
  }
}

class Square extends FrameProcessor {
  override processVideo(frame: VideoFrame): VideoFrame {
    const data = new Uint8Array(64 * 64 * 3);
    return frame.replaceData({ pixelFormat: "rgb24", data, width: 64, height: 64 });
  }
}

for (
  const [name, processor, aspect] of [
    ["changes nothing", Passthrough, "16:11"],
    ["makes frames of the same size", Anew, "16:11"],
    ["makes frames of another shape", Square, "1:1"],
  ] as const
) {
  Deno.test(`pixels keep their shape through a processor that ${name}: ${aspect}`, async () => {
    const tags = await tagsOf(await through(CLIPS.pal, { processor: new processor() }));
    assert.equal(tags.sample_aspect_ratio ?? "1:1", aspect);
    assert.equal(tags.color_primaries, "bt470bg");
    assert.equal(tags.color_transfer, "bt470bg");
    assert.equal(tags.color_space, "smpte170m"); // the same numbers as bt470bg
  });
}

Deno.test("pictures of oblong pixels are scaled by how they are shown, to square ones", async () => {
  // 352x288 with pixels of 16:11 is shown as 16:9: all of it fits.
  const output = await through(CLIPS.pal, { params: { width: 320, height: 180 } });
  assert.equal((await tagsOf(output)).sample_aspect_ratio ?? "1:1", "1:1");
  const [ours] = await decodeVideo(output);
  const { stdout } = await runProgram(
    "ffmpeg",
    "-v error -i pipe:0 -vf scale=320:180,setsar=1 -c:v ffv1 -f nut pipe:1",
    await CLIPS.pal(),
  );
  const [theirs] = await decodeVideo(stdout);
  const difference = meanDifference(ours!.picture.data, theirs!.picture.data);
  assert.ok(difference < 6, `${difference} levels apart`);
});

Deno.test("BT.2020 of a standard range is tagged as what it is, and keeps its levels", async () => {
  const output = await through(CLIPS.bt2020);
  const { color_space, color_primaries, color_transfer } = await tagsOf(output);
  assert.deepEqual([color_space, color_primaries, color_transfer], [
    ...["bt2020nc", "bt2020", "bt2020-10"],
  ]);
  const [[ours], [theirs]] = await Promise.all([
    decodeVideo(output),
    decodeVideo(await CLIPS.bt2020()),
  ]);
  const difference = meanDifference(ours!.picture.data, theirs!.picture.data);
  assert.ok(difference < 3, `${difference} levels apart`);
});

for (const kind of ["pq", "hlg"] as const) {
  for (const pixelFormat of ["i420", "rgb24"] as const) {
    Deno.test(`${kind} becomes BT.709 that is as bright as ordinary screens are, in ${pixelFormat}`, async () => {
      class Taking extends FrameProcessor {
        override readonly pixelFormat = pixelFormat;
      }
      const output = await through(CLIPS[kind], { processor: new Taking() });
      const { color_space, color_primaries, color_transfer, color_range } = await tagsOf(output);
      assert.deepEqual([color_space, color_primaries, color_transfer, color_range], [
        ...["bt709", "bt709", "bt709", "tv"],
      ]);
      const [black, white, brightest] = await lumaOf(output);
      assertAbout(black!, 16);
      assertAbout(white!, 202); // 85 % leaves room for what is brighter
      assertAbout(brightest!, 235);
    });
  }

  Deno.test(`${kind} stays what it is with tone_map false, and says so`, async () => {
    const output = await through(CLIPS[kind], { params: { tone_map: false } });
    const { color_space, color_primaries, color_transfer } = await tagsOf(output);
    const transfer = kind === "pq" ? "smpte2084" : "arib-std-b67";
    assert.deepEqual([color_space, color_primaries, color_transfer], [
      ...["bt2020nc", "bt2020", transfer],
    ]);
    const [, white] = await lumaOf(output);
    assertAbout(white!, (kind === "pq" ? 573 : 721) / 4);
  });
}

/** The luma in the middle of each third of the first picture. */
async function lumaOf(media: Uint8Array): Promise<number[]> {
  const [first] = await decodeVideo(media);
  const { data, strideBytes } = yuvPlanes(first!.picture).y;
  return [32, 96, 160].map((x) => data[32 * strideBytes + x]!);
}

function assertAbout(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 3, `${actual} instead of ${expected}`);
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((sum, value, index) => sum + Math.abs(value - b[index]!), 0) / a.length;
}
