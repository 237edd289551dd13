/** Sound in every codec: what comes out of the decoder equals what ffmpeg makes of the same stream. */

import assert from "node:assert/strict";
import { AudioDecoder } from "../../../src/media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../../src/media/types.ts";
import { collect, split } from "../codec/helper.ts";
import { FfmpegBatch, type Made } from "../ffmpeg_batch.ts";
import { concatBytes, demuxAll, packetsOf, probePackets, streamsOf } from "./fixtures.ts";
import { asHeAac } from "./he_aac.ts";
import { packPictures, packSection, pat, pmt, registration, withTables } from "./made_tables.ts";
import { AUDIO_PID, TsLayout } from "./ts_layout.ts";

const SOURCE = "-f lavfi -t 0.7 -i aevalsrc=sin(440*2*PI*t)*0.4|sin(880*2*PI*t)*0.3:s=48000";
const FIVE_ONE = "-f lavfi -t 0.7 -i anoisesrc=r=48000:a=0.1:seed=7,pan=5.1(side)|" +
  [..."012345"].map((channel) => `c${channel}=0.${Number(channel) + 3}*c0`).join("|");

const batch = new FfmpegBatch();

interface Kind {
  readonly ts: Made;
  /** What ffmpeg is asked about. */
  readonly judged: Made;
  readonly samples: Made;
  readonly codec: AudioStreamInfo["codec"];
  readonly channels: number;
}

const references = new FfmpegBatch();

function kind(args: string, expected: Pick<Kind, "codec" | "channels">): Kind {
  return judged(batch.add(split(`${args} -f mpegts pipe:1`)), expected);
}

function judged(ts: Made, expected: Pick<Kind, "codec" | "channels">): Kind {
  const samples = references.add(split("-i pipe:0 -f f32le pipe:1"), ts);
  return { ts, judged: ts, samples, ...expected };
}

/** The same sound under another stream type: not all of these does ffmpeg play itself. */
function listedAs(kind: Kind, type: number, info: readonly number[] = []): Kind {
  const tables = [pat([[1, 0x1000]]), pmt(0x1000, 1, [{ type, pid: 0x100, info }])];
  return { ...kind, ts: async () => withTables(await kind.ts(), () => tables) };
}

const STEREO_AAC = { codec: "aac", channels: 2 } as const;

const AAC = kind(`${SOURCE} -c:a aac`, STEREO_AAC);
const LOW_AAC = batch.add(split(`${SOURCE} -ar 24000 -c:a aac -f mpegts pipe:1`));
const MP2 = kind(`${SOURCE} -c:a mp2`, { codec: "mp2", channels: 2 });
const EAC3 = kind(`${SOURCE} -c:a eac3`, { codec: "eac3", channels: 2 });

/** ffmpeg takes Blu-ray's TrueHD for two streams, so that the samples are asked of a raw one. */
function trueHd(args: string, channels: number): Kind {
  const coded = `${args} -c:a truehd -strict -2`;
  const ts = batch.add(split(`${coded} -mpegts_m2ts_mode 1 -f mpegts pipe:1`));
  const raw = batch.add(split(`${coded} -f truehd pipe:1`));
  const samples = references.add(split("-f truehd -i pipe:0 -f f32le pipe:1"), raw);
  return { ts, judged: ts, samples, codec: "truehd", channels };
}

const TRUEHD = trueHd(SOURCE, 2);
const AC3 = batch.add(split(`${SOURCE} -c:a ac3 -f mpegts pipe:1`));

const KINDS: Readonly<Record<string, Kind>> = {
  "MP2": MP2,
  "MP2 that is listed as AAC": listedAs(MP2, 0x0F),
  "MP3 of 22,050 Hz": kind(`${SOURCE} -ar 22050 -c:a libmp3lame`, { codec: "mp3", channels: 2 }),
  "E-AC-3": EAC3,
  "E-AC-3 5.1": kind(`${FIVE_ONE} -c:a eac3`, { codec: "eac3", channels: 6 }),
  "E-AC-3 by its DVB descriptor": listedAs(EAC3, 0x06, [0x7A, 1, 0]),
  "DTS": kind(`${SOURCE} -ac 2 -strict -2 -c:a dca`, { codec: "dts", channels: 2 }),
  "DTS 5.1": kind(`${FIVE_ONE} -strict -2 -c:a dca`, { codec: "dts", channels: 6 }),
  "AAC in LATM": kind(
    `${SOURCE} -c:a aac -mpegts_flags latm`,
    { codec: "aac_latm", channels: 2 },
  ),
  "AAC whose channels are in a program config element": kind(
    `${FIVE_ONE} -c:a aac`,
    { codec: "aac", channels: 6 },
  ),
  "SMPTE 302M": kind(`${SOURCE} -c:a s302m -strict -2`, { codec: "s302m", channels: 2 }),
  "LPCM of Blu-ray": kind(
    `${FIVE_ONE} -c:a pcm_bluray -mpegts_m2ts_mode 1`,
    { codec: "pcm_bluray", channels: 6 },
  ),
  "TrueHD": TRUEHD,
  "TrueHD 5.1 of 96 kHz": trueHd(`${FIVE_ONE} -ar 96000`, 6),
  "HE-AAC": judged(async () => asHeAac(await LOW_AAC()), STEREO_AAC),
  "AAC that is listed as MPEG-1 audio": listedAs(AAC, 0x03),
  "AAC that is listed as MPEG-2 audio": listedAs(AAC, 0x04),
  "AAC that a private stream says nothing of": listedAs(AAC, 0x06),
};

for (const [name, { ts, judged, samples, codec, channels }] of Object.entries(KINDS)) {
  Deno.test(`the demuxer and the decoder make of ${name} what ffmpeg does`, async () => {
    const bytes = await ts();
    const events = demuxAll(bytes);
    const { audio } = streamsOf(events);
    assert.deepEqual([audio?.codec, audio?.channels], [codec, channels]);
    const packets = packetsOf(events, "audio");
    const probed = await probePackets(await judged());
    assert.deepEqual(packets.map(({ ptsTicks }) => ptsTicks), probed.map(({ pts }) => pts));
    assertClose(await decoded(audio!, packets), await samples());
  });
}

Deno.test("units of TrueHD are found among the AC-3 frames that Blu-ray discs put between them", async () => {
  const [units, cores] = await Promise.all(
    [TRUEHD.ts(), AC3()].map(async (ts) => packetsOf(demuxAll(await ts), "audio")),
  );
  const pieces: { payload: Uint8Array; pts: number }[] = [];
  for (let at = 0; at < units!.length; at += 38) {
    const core = cores![at / 38];
    if (core !== undefined) pieces.push({ payload: core.data, pts: core.ptsTicks });
    const group = units!.slice(at, at + 38);
    pieces.push({
      payload: concatBytes(group.map(({ data }) => data)),
      pts: group[0]!.ptsTicks,
    });
  }
  const found = demuxAll(hdmvSound(pieces));
  assert.equal(streamsOf(found).audio?.codec, "truehd");
  assert.deepEqual(packetsOf(found), units);
});

Deno.test("units of TrueHD go on behind a PES packet of AC-3 that is marked as such", async () => {
  const [units, cores] = await Promise.all(
    [TRUEHD.ts(), AC3()].map(async (ts) => packetsOf(demuxAll(await ts), "audio")),
  );
  const stream = concatBytes(units!.map(({ data }) => data));
  const layout = new TsLayout();
  const info = registration("HDMV");
  const listed = pmt(0x100, 1, [{ type: 0x83, pid: AUDIO_PID }], { info });
  for (const { pid, section } of [pat([[1, 0x100]]), listed]) layout.section(pid, section);
  let position = 0;
  const starts = units!.map(({ data, ptsTicks }) => {
    const start = { at: position, pts: ptsTicks };
    position += data.length;
    return start;
  });
  const pes = { pid: AUDIO_PID, streamId: 0xFD, sized: true };
  for (let at = 0, core = 0; at < stream.length; at += 900, core++) {
    const { pts } = starts.find((start) => start.at >= at) ?? starts.at(-1)!;
    const payload = stream.subarray(at, at + 900);
    layout.pes({ payload, pts }, { ...pes, extensionId: 0x72 });
    const { data } = cores![core % cores!.length]!;
    layout.pes({ payload: data, pts }, { ...pes, extensionId: 0x76 });
  }
  const found = packetsOf(demuxAll(layout.bytes()));
  assert.deepEqual(found.map(({ data }) => data), units!.map(({ data }) => data));
  assert.deepEqual(found.map(({ ptsTicks }) => ptsTicks), units!.map(({ ptsTicks }) => ptsTicks));
});

Deno.test("TrueHD that begins in the middle is read from its next major sync on", async () => {
  const units = packetsOf(demuxAll(await TRUEHD.ts()), "audio");
  const sync = units.findIndex(({ data }, index) => index > 0 && data[4] === 0xF8);
  const rest = units.slice(1).map(({ data, ptsTicks }) => ({ payload: data, pts: ptsTicks }));
  assert.deepEqual(packetsOf(demuxAll(hdmvSound(rest))), units.slice(sync));
});

/** Sound as Blu-ray discs list TrueHD. */
function hdmvSound(pieces: readonly { payload: Uint8Array; pts: number }[]): Uint8Array {
  const info = registration("HDMV");
  const tables = [pat([[1, 0x100]]), pmt(0x100, 1, [{ type: 0x83, pid: 0x1100 }], { info })];
  return concatBytes([
    ...tables.map((table) => packSection(table)),
    packPictures(0x1100, pieces),
  ]);
}

async function decoded(stream: AudioStreamInfo, packets: readonly Packet[]): Promise<Uint8Array> {
  await using decoder = new AudioDecoder({ stream, timeBase: { num: 1, den: 90_000 } });
  const out = collect(decoder.frames());
  for (const packet of packets) await decoder.decode(packet);
  await decoder.flush();
  await out.done;
  assert.deepEqual(out.items.map(({ ptsTicks }) => ptsTicks), packets.map((p) => p.ptsTicks));
  return concatBytes(out.items.map(({ samples }) => interleaved(samples)));
}

function interleaved(samples: readonly Float32Array[]): Uint8Array {
  const channels = samples.length;
  const all = new Float32Array(samples[0]!.length * channels);
  samples.forEach((channel, index) =>
    channel.forEach((value, i) => all[i * channels + index] = value)
  );
  return new Uint8Array(all.buffer);
}

/** The same samples, up to what float arithmetic leaves. */
function assertClose(actual: Uint8Array, expected: Uint8Array): void {
  assert.equal(actual.length, expected.length);
  const [a, b] = [actual, expected].map((bytes) => new Float32Array(bytes.slice().buffer));
  const worst = a!.reduce((most, value, i) => Math.max(most, Math.abs(value - b![i]!)), 0);
  assert.ok(worst < 1e-4, `samples differ by up to ${worst}`);
}
