/**
 * Transport streams of kinds that people reported, through a whole worker, in segments that are cut
 * anywhere: what comes out is what ffmpeg decodes of them, at the same times, and the figures say so.
 */

import assert from "node:assert/strict";
import { concatBytes, createRandom } from "../media/mpegts/fixtures.ts";
import { type SourcePicture, splitNals } from "../media/mpegts/fuzz_clips.ts";
import {
  AUDIO_PID,
  patSection,
  PMT_PID,
  pmtSection,
  TsLayout,
  VIDEO_PID,
} from "../media/mpegts/ts_layout.ts";
import { encodeClip, type EncodedClip } from "./clips.ts";
import { decodeAudio, decodeVideo, soundSeconds } from "./decoding.ts";
import { until } from "../waiting.ts";
import { Chain, type ChainStream, type StillWorker } from "./harness.ts";

const AAC = "-c:a aac -ac 2 -ar 48000";
const X264 = "-c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p";

const STREAMS = [[0x1B, VIDEO_PID], [0x0F, AUDIO_PID]] as const;

/** What a case is made of. */
interface Source {
  readonly clip: EncodedClip;
  readonly pictures: readonly SourcePicture[];
}

interface Case {
  readonly source: () => Promise<Source>;
  /** Lays out the tables, each time they come. @default those of the one program */
  readonly tables?: (layout: TsLayout) => void;
  /** Lays out one picture. */
  readonly picture: (one: SourcePicture, layout: TsLayout) => void;
}

const plain = once(() => encode(`${X264} -bf 0`));
const slices = once(() => encode(`${X264} -bf 0 -x264-params slices=4`));
const bFrames = once(() => encode(`${X264} -bf 3`));
const openGop = once(() =>
  encode(
    "-c:v libx264 -preset veryfast -pix_fmt yuv420p -x264-params " +
      "open-gop=1:keyint=24:min-keyint=24:bframes=2:b-adapt=0:scenecut=0",
  )
);

const lateVideo = once(() => encode(`${X264} -bf 0`, 175));

const NOTE = [0, 0, 1, 6, 5, 17, ...Array.from({ length: 16 }, (_, i) => 0x41 + i), 1, 0x80];

const CASES: Readonly<Record<string, Case>> = {
  "B-frames without times": {
    source: bFrames,
    picture: ({ nals, pts, dts, keyframe }, layout) =>
      layout.pes({
        payload: concatBytes(nals),
        ...(pts !== dts || keyframe ? { pts, dts } : {}),
      }),
  },
  "a program that is listed and never comes, before the one that does": {
    source: plain,
    tables: (layout) => {
      layout.section(0, patSection([[1, 0x0F00], [2, PMT_PID]]));
      layout.section(PMT_PID, pmtSection(STREAMS, { program: 2 }));
    },
    picture: whole,
  },
  "SEI behind the slices": {
    source: slices,
    picture: (one, layout) => whole({ ...one, nals: [...one.nals, Uint8Array.from(NOTE)] }, layout),
  },
  "keyframes in two PES packets, the second without a time": {
    source: plain,
    picture: ({ nals, pts, dts, keyframe }, layout) => {
      const bytes = concatBytes(nals);
      const cut = keyframe ? bytes.length >> 1 : bytes.length;
      layout.pes({ payload: bytes.subarray(0, cut), pts, dts }, { pcr: dts - 9_000 });
      if (keyframe) layout.pes({ payload: bytes.subarray(cut) });
    },
  },
  "a byte of stuffing in the first packet of each PES packet": {
    source: plain,
    picture: ({ nals, pts, dts }, layout) =>
      layout.pes({ payload: concatBytes(nals), pts, dts }, {
        pcr: dts - 9_000,
        stuffing: (packet) => packet === 0 ? 1 : 0,
      }),
  },
};

Deno.test("streams laid out in odd ways come through whole", async (t) => {
  await using chain = await Chain.startHere("passthrough", { targetFps: 60 });
  for (const [name, kind] of Object.entries(CASES)) {
    await t.step(name, async () => {
      const source = await kind.source();
      await assertAsFfmpeg(chain, layOut(source, kind), { reference: source.clip.bytes });
    });
  }
  await t.step("units that begin anywhere in PES packets of 5,000 bytes", async () => {
    const source = await plain();
    const ts = layOut(source, { picture: cutter(source, 5_000) });
    await assertAsFfmpeg(chain, ts, { reference: source.clip.bytes });
  });
  await t.step("a stream that starts with an I picture without IDR or recovery point", async () => {
    const { clip, pictures } = await openGop();
    const second = pictures.findIndex(({ keyframe }, index) => keyframe && index > 0);
    let index = 0;
    const ts = layOut({ clip, pictures }, {
      picture: (one, layout) => {
        if (index++ < second) return;
        whole({ ...one, nals: one.nals.filter((nal) => typeOf(nal) !== 6) }, layout);
      },
    });
    await assertAsFfmpeg(chain, ts, { lost: 2 });
  });
  await t.step("a file that begins anew", async () => {
    const source = await plain();
    const ts = layOut(source, { picture: whole });
    const output = await run(chain, concatBytes([ts, ts]), { jumps: true });
    const stamps = (await decodeVideo(output.bytes)).map(({ stamp }) => stamp);
    const round = source.pictures.map((_, index) => index);
    assert.deepEqual(stamps, [...round, ...round]);
    await assertFigures(chain, { frames: 2 * round.length });
  });
  await t.step("five seconds of sound before the first picture", async () => {
    const source = await lateVideo();
    const first = source.pictures.findIndex(({ keyframe }, index) => keyframe && index >= 125);
    let index = 0;
    const ts = layOut(source, {
      picture: (one, layout) => {
        if (index++ >= first) whole(one, layout);
      },
    });
    const expected = await listed(ts);
    await using stream = await chain.open();
    // A second and a half of sound, two seconds, and the rest.
    const start = layOut(source, { picture: () => {} }).subarray(0, 188 * 170);
    assert.deepEqual(ts.subarray(0, start.length), start);
    await stream.feedBytes(start);
    await until(async () => (await chain.metrics()).audio_packets_in > 50, "sound");
    chain.worker.clock.advance(2_000);
    await until(async () => (await chain.metrics()).audio_packets_out > 50, "sound at the output");
    await feed(stream, ts.subarray(start.length));
    const { bytes } = await stream.end();
    assert.deepEqual(await listed(bytes), expected);
    const [wanted, got] = [await decodeAudio(ts), await decodeAudio(bytes)].map(soundSeconds);
    assert.ok(Math.abs(got! - wanted!) < 0.1, `${got} s of sound, not ${wanted}`);
    // That there are no pictures for so long is reported, once.
    await assertFigures(chain, { frames: expected.length, errors: 1 });
  });
});

/** The picture in a PES packet of its own. */
function whole({ nals, pts, dts }: SourcePicture, layout: TsLayout): void {
  layout.pes({ payload: concatBytes(nals), pts, dts }, { pcr: dts - 9_000 });
}

/** Lays pictures out as one stream that is cut every `bytes`. */
function cutter({ pictures }: Source, bytes: number): Case["picture"] {
  let rest: { readonly data: Uint8Array; readonly pts: number; readonly dts: number }[] = [];
  const last = pictures.at(-1);
  return (one, layout) => {
    rest.push({ data: concatBytes(one.nals), pts: one.pts, dts: one.dts });
    const stream = concatBytes(rest.map(({ data }) => data));
    const starts = rest.map(({ pts, dts }, index) => ({
      at: concatBytes(rest.slice(0, index).map(({ data }) => data)).length,
      pts,
      dts,
    }));
    let from = 0;
    while (stream.length - from >= bytes || one === last && from < stream.length) {
      const to = Math.min(stream.length, from + bytes);
      const first = starts.find(({ at, pts }) => at >= from && at < to && pts >= 0);
      layout.pes({
        payload: stream.subarray(from, to),
        ...(first === undefined ? {} : { pts: first.pts, dts: first.dts }),
      });
      from = to;
    }
    if (from === 0) return;
    // What is left of a picture that has begun has no time of its own any more.
    const begun = starts.findLast(({ at }) => at < from);
    const left = { data: stream.subarray(from), pts: -1, dts: -1 };
    const tail = starts.filter(({ at }) => at >= from);
    assert.ok(begun);
    rest = tail.length === 0
      ? [left]
      : [{ ...left, data: stream.subarray(from, tail[0]!.at) }, ...rest.slice(-tail.length)];
  };
}

/** Writes a stream: the sound as it was; the pictures as the case wants them. */
function layOut(
  { clip, pictures }: Source,
  { tables = (layout) => layout.tables(STREAMS), picture }: Omit<Case, "source">,
): Uint8Array {
  const layout = new TsLayout();
  let index = 0;
  for (let at = 0; at < clip.bytes.length; at += 188) {
    const packet = clip.bytes.subarray(at, at + 188);
    const pid = (packet[1]! & 0x1F) << 8 | packet[2]!;
    if (pid === AUDIO_PID) layout.packet(packet);
    if (pid !== VIDEO_PID || (packet[1]! & 0x40) === 0) continue;
    const one = pictures[index++]!;
    if (one.keyframe) tables(layout);
    picture(one, layout);
  }
  return layout.bytes();
}

/**
 * Runs a stream, and compares what comes out with what ffmpeg decodes of `reference`, which is the
 * stream itself unless it is given. Returns what came out.
 */
async function assertAsFfmpeg(
  chain: Chain<StillWorker>,
  ts: Uint8Array,
  { reference = ts, lost = 0 } = {},
): Promise<void> {
  const expected = await listed(reference);
  assert.ok(expected.length >= 20, `${expected.length} frames`);
  const { bytes } = await run(chain, ts);
  assert.deepEqual(await listed(bytes), expected);
  await assertFigures(chain, { frames: expected.length, lost });
}

/** The numbers of the pictures, and when they are shown. */
async function listed(
  bytes: Uint8Array,
): Promise<{ readonly stamp: number | undefined; readonly ptsTicks: number }[]> {
  return (await decodeVideo(bytes)).map(({ stamp, ptsTicks }) => ({ stamp, ptsTicks }));
}

async function assertFigures(
  chain: Chain<StillWorker>,
  { frames, lost = 0, errors = 0 }: { frames: number; lost?: number; errors?: number },
): Promise<void> {
  const { frames_in, frames_out, frames_dropped, error_count, codec_restarts } = await chain
    .metrics();
  assert.deepEqual(
    { frames_in, frames_out, frames_dropped, error_count, codec_restarts },
    {
      frames_in: frames + lost,
      frames_out: frames,
      frames_dropped: lost,
      error_count: errors,
      codec_restarts: 0,
    },
  );
}

/** Feeds a stream in segments of any length, and waits for its end. */
async function run(
  chain: Chain<StillWorker>,
  ts: Uint8Array,
  options: { jumps?: boolean } = {},
): Promise<{ bytes: Uint8Array }> {
  await using stream = await chain.open();
  await feed(stream, ts);
  return await stream.end(options);
}

/** Feeds bytes in segments of any length, each when the one before is read. */
async function feed(stream: ChainStream, ts: Uint8Array): Promise<void> {
  const random = createRandom(5);
  for (let at = 0; at < ts.length;) {
    const end = Math.min(ts.length, at + 10_000 + random(30_000));
    await stream.feedBytes(ts.subarray(at, end));
    await stream.untilRead();
    at = end;
  }
}

async function encode(video: string, frames = 50): Promise<Source> {
  const clip = await encodeClip({ video, audio: AAC, fps: 25, frames });
  const pictures = clip.packets.flatMap(({ kind, data, ptsTicks, dtsTicks, keyframe }) =>
    kind === "video" ? [{ nals: splitNals(data), pts: ptsTicks, dts: dtsTicks, keyframe }] : []
  );
  return { clip, pictures };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}

function typeOf(nal: Uint8Array): number {
  return nal[nal[2] === 1 ? 3 : 4]! & 31;
}
