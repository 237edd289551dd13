import assert from "node:assert/strict";
import {
  audioDecodeArguments,
  audioEncodeArguments,
  type VideoDecodeArguments,
  videoDecodeArguments,
  type VideoEncodeArguments,
  videoEncodeArguments,
} from "../../../src/media/codec/arguments.ts";
import { findToneMapping } from "../../../src/media/codec/tone_map.ts";

const urls = { input: "pipe:0", output: "tcp://127.0.0.1:9" };
const limited = { matrix: "bt709", fullRange: false } as const;
const full = { matrix: "bt601", fullRange: true } as const;

const DECODE: VideoDecodeArguments = {
  ...urls,
  timeBase: { num: 1, den: 90_000 },
  pixelFormat: "i420",
  color: limited,
  inOrder: true,
  threads: 1,
  hardware: "none",
};
const ENCODE: VideoEncodeArguments = {
  ...urls,
  width: 640,
  height: 360,
  pixelFormat: "i420",
  color: limited,
  frameRate: 30,
  preset: "superfast",
  crf: 23,
  threads: 0,
  hardware: "none",
};

const START = "-hide_banner -loglevel warning -nostats -nostdin -copyts " +
  "-probesize 32 -analyzeduration 0";
const END = "-max_error_rate 1 -write_index 0 -f nut -y tcp://127.0.0.1:9";

Deno.test("videoDecodeArguments() of a plain stream", () => {
  assert.equal(
    videoDecodeArguments(DECODE).join(" "),
    `${START} -nofind_stream_info -flags low_delay -threads 1 -max_pixels 35389440 -f nut -i pipe:0 ` +
      `-map 0 -vf null -threads 1 -c:v rawvideo -pix_fmt yuv420p -fps_mode passthrough -enc_time_base 1:90000 ${END}`,
  );
});

Deno.test("videoDecodeArguments() lets ffmpeg find out how pictures are out of order", () => {
  const args = videoDecodeArguments({ ...DECODE, inOrder: false });
  assert.ok(!args.includes("low_delay"));
  assert.ok(!args.includes("-nofind_stream_info"));
});

Deno.test("videoDecodeArguments() uses slices for threads and the card where asked", () => {
  const text = videoDecodeArguments({ ...DECODE, threads: 4, hardware: "cuda" }).join(" ");
  assert.match(text, /-hwaccel cuda .*-threads 4 -thread_type slice .*-i pipe:0/);
});

Deno.test("videoDecodeArguments() keeps the range, scales first and names the matrix", () => {
  const ranged = videoDecodeArguments({ ...DECODE, color: full });
  assert.ok(ranged.includes("yuvj420p"));
  const scale = { width: 512, height: 288 };
  const filter = (options: VideoDecodeArguments): string | undefined => {
    const args = videoDecodeArguments(options);
    return args[args.indexOf("-vf") + 1];
  };
  const cover = "w=512:h=288:force_original_aspect_ratio=increase";
  assert.equal(
    filter({ ...DECODE, scale }),
    `scale=${cover}:flags=bilinear,crop=512:288`,
  );
  assert.equal(
    filter({ ...DECODE, scale, pixelFormat: "rgba", color: full }),
    `scale=${cover}:in_color_matrix=bt601:flags=bilinear+accurate_rnd+full_chroma_int,crop=512:288`,
  );
});

Deno.test("videoEncodeArguments() of plain pictures", () => {
  const tags = "range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709";
  assert.equal(
    videoEncodeArguments(ENCODE).join(" "),
    `${START} -threads 1 -f nut -i pipe:0 -map 0 -vf setparams=${tags} -pix_fmt yuv420p ` +
      `-fps_mode passthrough -enc_time_base 1:4096 -c:v libx264 -preset superfast ` +
      `-tune zerolatency -g 1000000 -keyint_min 1 -sc_threshold 0 -x264-params fps=30 -crf 23 ` +
      `-bf 0 -forced-idr 1 -force_key_frames expr:mod(t*4096,2) -flags -global_header ${END}`,
  );
});

Deno.test("videoEncodeArguments() with a bit rate, threads, odd sizes and RGB", () => {
  const options = { ...ENCODE, bitrate: 2_000_000, threads: 2, width: 641, color: full };
  const text = videoEncodeArguments({ ...options, pixelFormat: "rgb24" }).join(" ");
  assert.match(text, /-b:v 2000000 -maxrate 2000000 -bufsize 1000000/);
  assert.match(text, /-threads 2/);
  assert.match(
    text,
    /-vf crop=640:360:0:0,scale=out_color_matrix=bt601:out_range=pc:[^ ]*,format=/,
  );
  assert.ok(!text.includes("-crf"));
});

Deno.test("videoEncodeArguments() for the card ask for no delay", () => {
  const text = videoEncodeArguments({ ...ENCODE, hardware: "cuda" }).join(" ");
  assert.match(text, /-c:v h264_nvenc .*-tune ull .*-delay 0 .*-bf 0 -forced-idr 1/);
  assert.ok(!text.includes("x264"));
});

Deno.test("audio arguments", () => {
  assert.match(
    audioDecodeArguments({ ...urls, source: "aac" }).join(" "),
    /-threads 1 -c:a pcm_f32le -max_error_rate/,
  );
  const opus = {
    ...urls,
    codec: "opus",
    sampleRate: 48_000,
    channels: 2,
    bitrate: 128_000,
  } as const;
  assert.match(
    audioEncodeArguments({ ...opus, downmix: true }).join(" "),
    /-ac 2 -af aresample=rematrix_maxval=1.0 -c:a libopus -frame_duration 20 .*-b:a 128000/,
  );
  const aac = audioEncodeArguments({ ...opus, codec: "aac", downmix: false }).join(" ");
  assert.match(aac, /-c:a aac -b:a 128000/);
  assert.ok(!aac.includes("aresample"));
});

const PQ = { matrix: "bt2020", fullRange: false, transfer: "smpte2084" } as const;

/** The filters among arguments. */
function filtersOf(args: readonly string[]): string {
  return args[args.indexOf("-vf") + 1]!;
}

Deno.test("videoDecodeArguments() maps PQ and HLG, after scaling, only where asked", () => {
  const options = { ...DECODE, color: PQ, scale: { width: 640, height: 360 } };
  assert.doesNotMatch(filtersOf(videoDecodeArguments(options)), /tonemap/);
  const mapped = videoDecodeArguments({ ...options, toneMap: "floats" });
  assert.match(
    filtersOf(mapped),
    /crop=640:360,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084,zscale=.*tonemap=.*format=yuv420p$/,
  );
  const rgb = videoDecodeArguments({ ...options, toneMap: "floats", pixelFormat: "rgb24" });
  assert.match(filtersOf(rgb), /format=gbrp$/);
  assert.equal(filtersOf(videoDecodeArguments({ ...DECODE, toneMap: "floats" })), "null");
});

Deno.test("videoDecodeArguments() maps by a table of colours that the same filters make", () => {
  const options = { ...DECODE, color: PQ, scale: { width: 640, height: 360 } };
  const filters = filtersOf(videoDecodeArguments({ ...options, toneMap: "table" }));
  const [table, pictures, mapped] = filters.split(";");
  assert.match(table!, /^haldclutsrc=.*tonemap=.*\[table\]$/);
  assert.match(pictures!, /^\[in\]null,scale=.*crop=640:360,setparams=.*\[pictures\]$/);
  assert.match(mapped!, /^\[pictures\]\[table\]haldclut=.*format=yuv420p$/);
});

Deno.test("videoDecodeArguments() makes oblong pixels square where it scales", () => {
  const sampleAspect = { num: 16, den: 11 };
  assert.equal(filtersOf(videoDecodeArguments({ ...DECODE, sampleAspect })), "null");
  const scale = { width: 640, height: 360 };
  assert.match(
    filtersOf(videoDecodeArguments({ ...DECODE, sampleAspect, scale })),
    /^scale=w=max\(2\\,round\(iw\*16\/11\)\):h=ih:flags=bilinear,setsar=1,scale=w=640/,
  );
});

Deno.test("videoEncodeArguments() says what colours and pixels are", () => {
  const sampleAspect = { num: 16, den: 11 };
  const filters = filtersOf(videoEncodeArguments({ ...ENCODE, color: PQ, sampleAspect }));
  assert.match(
    filters,
    /setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084,setsar=16\/11$/,
  );
});

Deno.test("findToneMapping() finds nothing where there is no ffmpeg, or another program", async () => {
  assert.equal(await findToneMapping({ ffmpegPath: "/nonexistent/ffmpeg" }), undefined);
  assert.equal(await findToneMapping({ ffmpegPath: "true" }), undefined);
});
