import assert from "node:assert/strict";
import { MediaError } from "../../../src/base/errors.ts";
import {
  nalUnits,
  parseH264Sps,
  parseHevcSps,
  type SequenceInfo,
} from "../../../src/media/bitstream/mod.ts";
import { colorTags } from "../../../src/media/color.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";

interface Probed {
  readonly width: number;
  readonly height: number;
  readonly has_b_frames: number;
  readonly color_space?: string;
  readonly color_range?: string;
  readonly color_primaries?: string;
  readonly color_transfer?: string;
  readonly sample_aspect_ratio?: string;
}

const H264: Readonly<Record<string, string>> = {
  "Baseline": "-profile:v baseline",
  "Main with 3 B-frames": "-profile:v main -bf 3 -b_strategy 0",
  "High with a B-pyramid": "-profile:v high -bf 8 -x264-params b-pyramid=normal:b-adapt=0",
  "High, scaling lists": "-profile:v high -x264-params cqm=jvt",
  "High 10": "-pix_fmt yuv420p10le",
  "High 4:2:2, odd width cropped": "-pix_fmt yuv422p -vf scale=318:242",
  "High 4:4:4": "-pix_fmt yuv444p -x264-params cqm=jvt -vf scale=317:241",
  "cropped at the right and bottom": "-vf scale=322:246",
  "interlaced, 1080 lines": "-vf scale=1920:1080 -flags +ilme+ildct -g 10",
  "zerolatency with HRD": "-tune zerolatency -x264-params nal-hrd=cbr:force-cfr=1 -b:v 1M " +
    "-maxrate 1M -bufsize 1M",
  "BT.709 full range, anamorphic": "-color_range pc -colorspace bt709 -color_primaries bt709 " +
    "-color_trc bt709 -vf scale=320:240:out_range=full,setsar=37/41",
  "BT.601 in HD": "-vf scale=1280:720 -colorspace smpte170m",
  "PAL, 16:9": "-vf setsar=16/11 -colorspace bt470bg -color_primaries bt470bg -color_trc gamma28",
  "sRGB": "-colorspace bt709 -color_primaries smpte432 -color_trc iec61966-2-1 -vf setsar=2/1",
};

const HEVC: Readonly<Record<string, string>> = {
  "zerolatency": "-tune zerolatency",
  "5 B-frames": "-x265-params log-level=none:bframes=5:b-adapt=0:rc-lookahead=10",
  "10 bits, scaling lists": "-pix_fmt yuv420p10le -x265-params log-level=none:scaling-list=default",
  "4:4:4 odd size": "-pix_fmt yuv444p -vf scale=319:241",
  "4:2:2 cropped": "-pix_fmt yuv422p -vf scale=318:242",
  "temporal layers": "-x265-params log-level=none:temporal-layers=3",
  "BT.709 full range": "-color_range pc -colorspace bt709 -vf scale=320:240:out_range=full",
  "PQ": "-pix_fmt yuv420p10le -x265-params " +
    "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
  "HLG, anamorphic": "-pix_fmt yuv420p10le -vf setsar=4/3 -x265-params " +
    "log-level=none:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc",
  "BT.2020": "-pix_fmt yuv420p10le -x265-params " +
    "log-level=none:colorprim=bt2020:transfer=bt2020-10:colormatrix=bt2020nc",
  "1080 lines with HRD": "-vf scale=1920:1080 -x265-params " +
    "log-level=none:hrd=1:vbv-maxrate=3000:vbv-bufsize=3000",
};

const batch = new FfmpegBatch();

for (const [name, options] of Object.entries(H264)) {
  const encoded = encode("libx264", options, "h264");
  Deno.test(`parseH264Sps() agrees with ffprobe: ${name}`, async () => {
    const stream = await encoded();
    await assertAgrees(stream, "h264", parseH264Sps(findSps(stream, "h264")));
  });
}

for (const [name, options] of Object.entries(HEVC)) {
  const encoded = encode("libx265", options, "hevc");
  Deno.test(`parseHevcSps() agrees with ffprobe: ${name}`, async () => {
    const stream = await encoded();
    await assertAgrees(stream, "hevc", parseHevcSps(findSps(stream, "hevc")));
  });
}

const baseline = encode("libx264", H264["Baseline"]!, "h264");

Deno.test("parseH264Sps() reads profile, level and order count", async () => {
  const sps = parseH264Sps(findSps(await baseline(), "h264"));
  assert.equal(sps.profileIdc, 66);
  assert.equal(sps.levelIdc, 13);
  assert.equal(sps.pictureOrder.type, 2);
  assert.equal(sps.reorderDepth, 0);
  assert.equal(sps.fieldPictures, false);
  assert.ok(Math.abs(sps.frameSeconds - 1 / 25) < 1e-9);
});

const DAMAGED = [
  { codec: "h264", parse: parseH264Sps, encoded: encode("libx264", "", "h264") },
  { codec: "hevc", parse: parseHevcSps, encoded: encode("libx265", "", "hevc") },
] as const;

Deno.test("cut or damaged parameter sets throw a MediaError, and nothing else", async () => {
  for (const { codec, parse, encoded } of DAMAGED) {
    const sps = findSps(await encoded(), codec);
    for (let length = 0; length < 8; length++) {
      assert.throws(() => parse(sps.subarray(0, length)), { code: "MEDIA_BAD_FRAME" });
    }
    let state = 3;
    for (let round = 0; round < 5000; round++) {
      const damaged = sps.slice();
      for (let hit = 0; hit <= round % 4; hit++) {
        state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF;
        damaged[1 + (state >> 8) % (damaged.length - 1)] = state >> 20 & 0xFF;
      }
      assertOnlyMediaErrors(() => parse(damaged));
    }
  }
});

Deno.test("parameter sets whose VUI is cut short or wrong still say size and profile", async () => {
  for (const { codec, parse, encoded } of DAMAGED) {
    const sps = findSps(await encoded(), codec);
    const { width, height, profileIdc, levelIdc } = parse(sps);
    const lengths = Array.from({ length: sps.length }, (_, length) => length);
    const enough = lengths.find((length) => parsesAs(() => parse(sps.subarray(0, length)), width));
    assert.ok(enough !== undefined && enough < sps.length - 4, `${codec}: ${enough}`);
    const endings = [0x00, 0x55, 0x80, 0xFF].map((byte) => sps.slice().fill(byte, enough));
    const cut = lengths.slice(enough).map((length) => sps.subarray(0, length));
    for (const broken of [...cut, ...endings]) {
      const info = parse(broken);
      assert.deepEqual([info.width, info.height], [width, height]);
      assert.deepEqual([info.profileIdc, info.levelIdc], [profileIdc, levelIdc]);
    }
  }
});

function parsesAs(parse: () => SequenceInfo, width: number): boolean {
  try {
    return parse().width === width;
  } catch (error) {
    assert.ok(error instanceof MediaError, String(error));
    return false;
  }
}

async function assertAgrees(
  stream: Uint8Array,
  codec: "h264" | "hevc",
  info: SequenceInfo,
): Promise<void> {
  const probed = await probe(stream, codec);
  assert.equal(info.width, probed.width);
  assert.equal(info.height, probed.height);
  // The Baseline profile and zerolatency say 0; ffprobe learns the same.
  assert.equal(info.reorderDepth, probed.has_b_frames);
  assert.equal(info.color.fullRange, probed.color_range === "pc");
  const hd = probed.width >= 1280 || probed.height >= 720;
  const matrix = probed.color_space === undefined
    ? hd ? "bt709" : "bt601"
    : probed.color_space === "bt709"
    ? "bt709"
    : probed.color_space === "bt2020nc"
    ? "bt2020"
    : "bt601";
  assert.equal(info.color.matrix, matrix);
  const { primaries, transfer } = colorTags(info.color);
  if (probed.color_primaries !== undefined) assert.equal(primaries, probed.color_primaries);
  if (probed.color_transfer !== undefined) assert.equal(transfer, probed.color_transfer);
  const { num, den } = info.sampleAspect ?? { num: 1, den: 1 };
  assert.equal(`${num}:${den}`, probed.sample_aspect_ratio ?? "1:1");
}

function findSps(stream: Uint8Array, codec: "h264" | "hevc"): Uint8Array {
  for (const nal of nalUnits(stream)) {
    const header = nal[0]!;
    if (codec === "h264" ? (header & 31) === 7 : header >> 1 === 33) return nal;
  }
  return assert.fail("no parameter set in the stream");
}

/** A clip that one ffmpeg makes with all the others. */
function encode(encoder: string, options: string, format: string): Made {
  const quiet = encoder === "libx265" && !options.includes("-x265-params")
    ? ["-x265-params", "log-level=none"]
    : [];
  const args = "-f lavfi -t 0.5 -i testsrc2=s=320x240:r=25 -preset ultrafast";
  const extra = options.split(" ").filter((part) => part !== "");
  return batch.add([
    ...args.split(" "),
    "-c:v",
    encoder,
    ...quiet,
    ...extra,
    "-f",
    format,
    "pipe:1",
  ]);
}

async function probe(stream: Uint8Array, format: string): Promise<Probed> {
  const child = new Deno.Command("ffprobe", {
    args: ["-v", "error", "-f", format, "-show_streams", "-of", "json", "pipe:0"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(stream as Uint8Array<ArrayBuffer>);
  await writer.close();
  const { stdout, stderr, success } = await output;
  assert.ok(success, new TextDecoder().decode(stderr));
  const { streams } = JSON.parse(new TextDecoder().decode(stdout)) as { streams: Probed[] };
  return streams[0]!;
}

function assertOnlyMediaErrors(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof MediaError, String(error));
  }
}
