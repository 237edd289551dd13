import assert from "node:assert/strict";
import {
  AudioDecoder,
  AudioEncoder,
  type AudioEncoderOptions,
  AudioTranscoder,
  type DecodedAudio,
  type RawAudio,
} from "../../../src/media/codec/mod.ts";
import type { AudioStreamInfo, Packet } from "../../../src/media/types.ts";
import { collect, ffmpeg, LATE_START, makeAudio, prepareAudio, TIME_BASE } from "./helper.ts";
import { until } from "../../waiting.ts";

const ENCODERS = { aac: "-c:a aac", opus: "-c:a libopus", mp3: "-c:a libmp3lame", ac3: "-c:a ac3" };
const LAYOUTS = { mono: "-ac 1", stereo: "-ac 2", "5.1": "-ac 6" };

interface Clip {
  readonly stream: AudioStreamInfo;
  readonly packets: readonly Packet[];
}

async function decodeAll({ stream, packets }: Clip): Promise<DecodedAudio[]> {
  await using decoder = new AudioDecoder({ stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of packets) await decoder.decode(packet);
  await decoder.flush();
  await done;
  assert.equal(decoder.stats.undecodedPackets, packets.length - items.length);
  return items;
}

/** The time of the loudest sample, in seconds after the start. */
function peakSeconds(frames: readonly DecodedAudio[]): number {
  let [best, at] = [0, NaN];
  for (const { samples, sampleRate, ptsTicks } of frames) {
    // Any channel: mono made 5.1 is heard in the centre only.
    for (const row of samples) {
      row.forEach((value, i) => {
        if (Math.abs(value) <= best) return;
        best = Math.abs(value);
        at = (ptsTicks - LATE_START) / 90_000 + i / sampleRate;
      });
    }
  }
  return at;
}

const NEAR_SILENCE = 0.0001;

/**
 * Soft noise with a click whose loudest sample is at `clickSeconds`, in pieces of a tenth of a
 * second.
 */
function clicks(
  { sampleRate, channels, clickSeconds, pieces = 10 }: {
    sampleRate: number;
    channels: number;
    clickSeconds: number;
    pieces?: number;
  },
): RawAudio[] {
  const count = sampleRate / 10;
  const click = Math.round(clickSeconds * sampleRate);
  return Array.from({ length: pieces }, (_, piece) => {
    const row = Float32Array.from({ length: count }, (_, i) => {
      const distance = Math.abs(piece * count + i - click);
      return distance < 24 ? 0.9 * Math.cos(distance / 48 * Math.PI) : NEAR_SILENCE * Math.sin(i);
    });
    const samples = Array.from({ length: channels }, () => row);
    return { samples, sampleRate, ptsTicks: LATE_START + piece * 9000 };
  });
}

async function encodeAll(
  pieces: readonly RawAudio[],
  options: Partial<AudioEncoderOptions> = {},
): Promise<Clip & { readonly encoder: AudioEncoder }> {
  await using encoder = new AudioEncoder({ timeBase: TIME_BASE, ...options });
  const { items, done } = collect(encoder.packets());
  for (const piece of pieces) await encoder.encode(piece);
  await encoder.flush();
  await done;
  return { stream: encoder.info!, packets: items, encoder };
}

/** What {@linkcode makeAudio} is given for a layout and rate. */
function plainClip(codec: keyof typeof ENCODERS, layout: keyof typeof LAYOUTS, rate: number) {
  return { encode: `${ENCODERS[codec]} ${LAYOUTS[layout]} -ar ${rate}` };
}

/** A clip with a click in its middle, in the usual layouts. */
function clickClip(codec: keyof typeof ENCODERS) {
  const source =
    "aevalsrc=exprs=if(between(t\\,0.5\\,0.501)\\,0.9*sin((t-0.5)*3141.6)\\,0):s=48000";
  return { source, encode: `${ENCODERS[codec]} ${codec === "ac3" ? "-ac 6" : "-ac 2"}` };
}

const PLAIN = (Object.keys(ENCODERS) as (keyof typeof ENCODERS)[]).flatMap((codec) =>
  (Object.keys(LAYOUTS) as (keyof typeof LAYOUTS)[])
    .filter((layout) => codec !== "mp3" || layout !== "5.1") // MP3 has two channels at most
    .map((layout) => ({ codec, layout, rates: codec === "opus" ? [48_000] : [44_100, 48_000] }))
);

prepareAudio(
  ...PLAIN.flatMap(({ codec, layout, rates }) =>
    rates.map((rate) => plainClip(codec, layout, rate))
  ),
  ...(["aac", "opus", "mp3", "ac3"] as const).map(clickClip),
);

for (const { codec, layout, rates } of PLAIN) {
  for (const rate of rates) {
    Deno.test(`AudioDecoder keeps every pts: ${codec} ${layout} ${rate}`, async () => {
      const clip = await makeAudio(plainClip(codec, layout, rate));
      const frames = await decodeAll(clip);
      const sent = clip.packets.map((packet) => packet.ptsTicks);
      // Decoders may need a packet to get going.
      assert.ok(frames.length >= sent.length - 1, `${frames.length} of ${sent.length}`);
      assert.deepEqual(frames.map((frame) => frame.ptsTicks), sent.slice(-frames.length));
      for (const frame of frames) {
        assert.equal(frame.samples.length, clip.stream.channels);
        assert.equal(frame.sampleRate, rate);
      }
      const middle = frames[Math.floor(frames.length / 2)]!.samples[layout === "5.1" ? 2 : 0]!;
      assert.ok(Math.max(...middle) > 0.05, "a tone");
      assert.ok(Math.max(...middle) <= 1.01);
    });
  }
}

Deno.test("AudioDecoder gives the samples that ffmpeg gives", async () => {
  const clip = await makeAudio({ encode: "-c:a aac -ac 2" });
  const adts = await ffmpeg("-f lavfi -i sine=f=440:r=48000 -t 1 -c:a aac -ac 2 -f adts pipe:1");
  const expected = await ffmpeg("-f aac -i pipe:0 -f f32le pipe:1", adts);
  const want = new Float32Array(expected.slice().buffer);
  const left = (await decodeAll(clip)).flatMap((frame) => [...frame.samples[0]!]);
  assert.equal(left.length, want.length / 2);
  assert.ok(left.every((value, i) => Math.abs(value - want[i * 2]!) < 1e-6));
});

Deno.test("AudioDecoder keeps pts across gaps, jitter and steps back", async () => {
  const clip = await makeAudio({ encode: "-c:a libopus", seconds: 0.5 });
  const packets = clip.packets.map((packet, i) => ({
    ...packet,
    ptsTicks: packet.ptsTicks + i % 3 * 90 + (i > 10 ? 500_000 : 0) - (i > 20 ? 3_000_000 : 0),
  }));
  const frames = await decodeAll({ ...clip, packets });
  assert.deepEqual(
    frames.map((frame) => frame.ptsTicks),
    packets.map((packet) => packet.ptsTicks),
  );
});

Deno.test("AudioDecoder survives damaged packets and says when all are", async () => {
  const clip = await makeAudio({ encode: "-c:a aac" });
  const damage = (packet: Packet): Packet => ({ ...packet, data: new Uint8Array(100).fill(0xff) });
  const some = clip.packets.map((packet, i) => i % 10 === 5 ? damage(packet) : packet);
  const frames = await decodeAll({ ...clip, packets: some });
  assert.ok(frames.length >= clip.packets.length * 0.8);
  const sent = new Set(some.map((packet) => packet.ptsTicks));
  assert.ok(frames.every((frame) => sent.has(frame.ptsTicks)));
  await assert.rejects(decodeAll({ ...clip, packets: clip.packets.map(damage) }), {
    code: "MEDIA_BAD_FRAME",
    message: /Cannot decode aac: ffmpeg made nothing of/,
  });
});

Deno.test("AudioDecoder holds no packet back", async () => {
  for (const encode of ["-c:a aac", "-c:a libopus", "-c:a ac3"]) {
    const clip = await makeAudio({ encode, seconds: 0.3 });
    await using decoder = new AudioDecoder({ stream: clip.stream, timeBase: TIME_BASE });
    const { items } = collect(decoder.frames());
    for (const [i, packet] of clip.packets.entries()) {
      await decoder.decode(packet);
      await until(() => items.length === i + 1, `${encode}: piece ${i + 1}`);
    }
  }
});

Deno.test("AudioDecoder goes on when its child is killed", async () => {
  const clip = await makeAudio({ encode: "-c:a aac" });
  await using decoder = new AudioDecoder({ stream: clip.stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of clip.packets.slice(0, 10)) await decoder.decode(packet);
  await until(() => items.length === 10, "10 pieces");
  Deno.kill(decoder.pid!, "SIGKILL");
  await until(() => decoder.pid === undefined, "the child's end");
  for (const packet of clip.packets.slice(10)) await decoder.decode(packet);
  await decoder.flush();
  await done;
  assert.equal(decoder.stats.restarts, 1);
  const sent = clip.packets.map((packet) => packet.ptsTicks);
  assert.deepEqual(items.map((frame) => frame.ptsTicks), sent);
});

Deno.test("AudioDecoder follows reconfigure() in order", async () => {
  const first = await makeAudio({ encode: "-c:a aac -ar 44100 -ac 1", seconds: 0.3 });
  const startTicks = LATE_START + 90_000;
  const second = await makeAudio({ encode: "-c:a libopus -ac 2", seconds: 0.3, startTicks });
  await using decoder = new AudioDecoder({ stream: first.stream, timeBase: TIME_BASE });
  const { items, done } = collect(decoder.frames());
  for (const packet of first.packets) await decoder.decode(packet);
  await decoder.reconfigure(second.stream);
  for (const packet of second.packets) await decoder.decode(packet);
  await decoder.flush();
  await done;
  const sent = [...first.packets, ...second.packets].map((packet) => packet.ptsTicks);
  assert.deepEqual(items.map((frame) => frame.ptsTicks), sent);
  assert.equal(items.at(-1)!.channels, 2);
});

for (const codec of ["opus", "aac"] as const) {
  for (const sampleRate of [44_100, 48_000]) {
    for (const channels of [1, 2, 6]) {
      Deno.test(`AudioEncoder keeps time: ${codec} ${sampleRate} Hz, ${channels} ch`, async () => {
        const pieces = clicks({ sampleRate, channels, clickSeconds: 0.55 });
        const clip = await encodeAll(pieces, { codec });
        assert.equal(clip.stream.codec, codec);
        assert.equal(clip.stream.channels, codec === "opus" ? Math.min(2, channels) : channels);
        assert.equal(clip.stream.sampleRate, codec === "opus" ? 48_000 : sampleRate);
        assert.ok(clip.stream.extradata.length > 0);
        const frames = await decodeAll(clip);
        const late = peakSeconds(frames) - 0.55;
        assert.ok(Math.abs(late) < 2 / sampleRate, `${late * sampleRate} samples late`);
        // Downmixing must not overdrive.
        for (const frame of frames) {
          for (const row of frame.samples) assert.ok(row.every((v) => Math.abs(v) < 1.3));
        }
      });
    }
  }
}

Deno.test("AudioEncoder makes packets of 20 ms, evenly, the run-in first", async () => {
  const { packets } = await encodeAll(
    clicks({ sampleRate: 48_000, channels: 2, clickSeconds: 0.5 }),
  );
  const runIn = 312 * 90_000 / 48_000;
  const pts = packets.map((packet) => packet.ptsTicks);
  assert.deepEqual(pts, pts.map((_, i) => LATE_START - runIn + i * 1800));
});

Deno.test("AudioEncoder fills gaps, cuts overlaps and leaves jitter alone", async () => {
  const pieces = clicks({ sampleRate: 48_000, channels: 1, clickSeconds: 0.75 });
  const shift = (from: number, ticks: number) =>
    pieces.map((piece, i) => i < from ? piece : { ...piece, ptsTicks: piece.ptsTicks + ticks });
  const cases = [
    { pieces: shift(3, 27_000), late: 0.3, silence: 14_400, overlap: 0 },
    { pieces: shift(3, -4500), late: -0.05, silence: 0, overlap: 2400 },
    { pieces: shift(3, 90), late: 0.001, silence: 0, overlap: 0 },
  ];
  for (const { pieces, late, silence, overlap } of cases) {
    const { encoder, ...clip } = await encodeAll(pieces);
    assert.equal(encoder.stats.silenceSamples, silence);
    assert.equal(encoder.stats.overlapSamples, overlap);
    assert.ok(Math.abs(peakSeconds(await decodeAll(clip)) - 0.75 - late) < 0.0015);
  }
});

Deno.test("AudioEncoder begins anew after a jump of the clock, in order", async () => {
  const pieces = clicks({ sampleRate: 48_000, channels: 1, clickSeconds: 0.75 });
  for (const jump of [900_000, -90_000 * 3]) {
    const jumped = pieces.map((piece, i) =>
      i < 5 ? piece : { ...piece, ptsTicks: piece.ptsTicks + jump }
    );
    const clip = await encodeAll(jumped);
    const late = peakSeconds(await decodeAll(clip)) - 0.75 - jump / 90_000;
    assert.ok(Math.abs(late) < 2 / 48_000, `${late}`);
    const starts = clip.packets.filter((packet, i) =>
      i > 0 && Math.abs(packet.ptsTicks - clip.packets[i - 1]!.ptsTicks - 1800) > 900
    );
    assert.equal(starts.length, 1);
  }
});

Deno.test("AudioEncoder never gives a negative pts", async () => {
  const pieces = clicks({ sampleRate: 48_000, channels: 1, clickSeconds: 0.5 });
  const early = pieces.map((piece) => ({ ...piece, ptsTicks: piece.ptsTicks - LATE_START }));
  for (const codec of ["opus", "aac"] as const) {
    const { packets, encoder } = await encodeAll(early, { codec });
    assert.ok(packets.every((packet) => packet.ptsTicks >= 0));
    assert.equal(encoder.stats.droppedPackets, 1);
  }
});

Deno.test("AudioEncoder follows changes of rate and channels, in order", async () => {
  const first = clicks({ sampleRate: 48_000, channels: 2, clickSeconds: 9 });
  const second = clicks({ sampleRate: 44_100, channels: 1, clickSeconds: 0.25 })
    .map((piece) => ({ ...piece, ptsTicks: piece.ptsTicks + 90_000 }));
  const clip = await encodeAll([...first, ...second]);
  assert.equal(clip.stream.channels, 1);
  const tail = clip.packets.filter((packet) => packet.ptsTicks >= LATE_START + 89_000);
  const late = peakSeconds(await decodeAll({ stream: clip.stream, packets: tail })) - 1.25;
  assert.ok(Math.abs(late) < 2 / 44_100, `${late}`);
});

Deno.test("AudioEncoder refuses what cannot be, and goes on", async () => {
  await using encoder = new AudioEncoder({ timeBase: TIME_BASE });
  const { items, done } = collect(encoder.packets());
  const ptsTicks = LATE_START;
  const row = new Float32Array(960);
  const uneven = { samples: [row, row.subarray(1)], sampleRate: 48_000, ptsTicks };
  await assert.rejects(encoder.encode(uneven), { code: "MEDIA_BAD_FRAME", message: /960, 959/ });
  const none = { samples: [], sampleRate: 48_000, ptsTicks };
  await assert.rejects(encoder.encode(none), { code: "MEDIA_BAD_FRAME", message: /0 channels/ });
  await encoder.encode({ samples: [row], sampleRate: 48_000, ptsTicks });
  await encoder.flush();
  await done;
  assert.ok(items.length > 0);
});

Deno.test("AudioEncoder goes on when its child is killed, with sound at its time", async () => {
  const pieces = clicks({ sampleRate: 48_000, channels: 2, clickSeconds: 0.75 });
  await using encoder = new AudioEncoder({ timeBase: TIME_BASE });
  const { items, done } = collect(encoder.packets());
  for (const piece of pieces.slice(0, 5)) await encoder.encode(piece);
  await until(() => items.length > 20, "packets");
  Deno.kill(encoder.pid!, "SIGKILL");
  await until(() => encoder.pid === undefined, "the child's end");
  for (const piece of pieces.slice(5)) await encoder.encode(piece);
  await encoder.flush();
  await done;
  assert.equal(encoder.stats.restarts, 1);
  const late = peakSeconds(await decodeAll({ stream: encoder.info!, packets: items })) - 0.75;
  assert.ok(Math.abs(late) < 2 / 48_000, `${late}`);
});

for (const from of ["aac", "opus", "mp3", "ac3"] as const) {
  for (const to of ["opus", "aac"] as const) {
    Deno.test(`AudioTranscoder keeps sound at its time: ${from} to ${to}`, async () => {
      const clip = await makeAudio(clickClip(from));
      const { stream } = clip;
      await using transcoder = new AudioTranscoder({ stream, timeBase: TIME_BASE, codec: to });
      const { items, done } = collect(transcoder.packets());
      for (const packet of clip.packets) await transcoder.transcode(packet);
      await transcoder.flush();
      await done;
      assert.equal(transcoder.info!.codec, to);
      assert.equal(transcoder.info!.channels, from === "ac3" && to === "aac" ? 6 : 2);
      const before = peakSeconds(await decodeAll(clip));
      const after = peakSeconds(await decodeAll({ stream: transcoder.info!, packets: items }));
      assert.ok(Math.abs(after - before) < 0.001, `${(after - before) * 1000} ms late`);
    });
  }
}

Deno.test("AudioTranscoder keeps sound at its time after a gap and a jump", async () => {
  const source =
    "aevalsrc=exprs=if(between(t\\,1.5\\,1.501)\\,0.9*sin((t-1.5)*3141.6)\\,0):s=48000";
  const clip = await makeAudio({ source, encode: "-c:a aac", seconds: 2 });
  for (const jump of [27_000, 4_500_000, -4_500_000]) {
    const packets = clip.packets.map((packet) => ({
      ...packet,
      ptsTicks: packet.ptsTicks + (packet.ptsTicks - LATE_START > 60_000 ? jump : 0),
    }));
    const { stream } = clip;
    await using transcoder = new AudioTranscoder({ stream, timeBase: TIME_BASE });
    const { items, done } = collect(transcoder.packets());
    for (const packet of packets) await transcoder.transcode(packet);
    await transcoder.flush();
    await done;
    const before = peakSeconds(await decodeAll({ stream, packets }));
    const after = peakSeconds(await decodeAll({ stream: transcoder.info!, packets: items }));
    assert.ok(Math.abs(after - before) < 0.001, `${jump}: ${(after - before) * 1000} ms late`);
  }
});
