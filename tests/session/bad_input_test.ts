/** Input that is damaged, missing, or not what it should be. */

import assert from "node:assert/strict";
import type { MediaEvent } from "../../src/source/mod.ts";
import { type MadeStream, pat, pmt, withTables } from "../media/mpegts/made_tables.ts";
import { type Clip, clipOf, joined, movedClip, silentClip, testClip } from "./clips.ts";
import { Rig } from "./rig.ts";

/** `nal_unit_type`s of coded slices. */
const NAL_SLICE = 1;
const NAL_IDR = 5;

/** The same bytes at every run, and none of them an MPEG-TS. */
function noise(count: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length: count }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    const byte = state >> 16 & 0xFF;
    return byte === 0x47 ? 0 : byte;
  });
}

/** Runs segments as they are, then a good clip a second later. */
async function runThenGood(
  rig: Rig,
  segments: readonly Uint8Array[],
): Promise<{ readonly good: Clip }> {
  const good = movedClip(await silentClip(), 180_000);
  rig.session.start();
  await rig.source.feed([...segments, ...good.segments]);
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
  assert.deepEqual(rig.videoTicks.slice(-20), good.videoTicks, "the good clip comes out whole");
  return { good };
}

Deno.test("input that is no MPEG-TS is reported, and good input after it comes out", async () => {
  const rig = new Rig();
  await runThenGood(rig, [new TextEncoder().encode("<html>".repeat(500)), noise(5_000)]);
  assert.equal(rig.errors.length, 2);
  assert.match(rig.errors[0]!, /^input: Cannot find an MPEG-TS stream in 3000 bytes of input: pub/);
  assert.match(rig.errors[1]!, /^input: Cannot find an MPEG-TS stream in 5000 bytes of input/);
  const { error_count, frames_in, frames_out } = rig.session.metrics();
  assert.deepEqual({ error_count, frames_in, frames_out }, {
    error_count: 2,
    frames_in: 20,
    frames_out: 20,
  });
});

Deno.test("a long segment that is no MPEG-TS is reported before it ends", async () => {
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed([noise((1 << 20) + 1_000)]);
  rig.source.end();
  await rig.ended();
  assert.ok(rig.errors.length >= 1);
  assert.match(rig.errors[0]!, /Cannot find an MPEG-TS stream in 10\d{5} bytes/);
});

Deno.test("random bytes inside a segment cost only the pictures they hit", async () => {
  const [first, second] = (await silentClip()).segments;
  const middle = Math.floor(first!.length / 2);
  const damaged = joined([first!.subarray(0, middle), noise(1_000), first!.subarray(middle)]);
  const rig = new Rig();
  await runThenGood(rig, [damaged, second!]);
  const { frames_out } = rig.session.metrics();
  assert.ok(frames_out >= 10 + 20 + 3, `${frames_out} frames out`);
});

Deno.test("bytes overwritten inside a segment cost only pictures of that segment", async () => {
  const { segments: [first, second], videoTicks } = await silentClip();
  const damaged = first!.slice();
  damaged.set(noise(2_000), Math.floor(damaged.length / 3));
  const rig = new Rig();
  await runThenGood(rig, [damaged, second!]);
  const ticks = rig.videoTicks;
  assert.deepEqual(ticks.slice(-30, -20), videoTicks.slice(10), "the next segment is whole");
});

Deno.test("a segment cut off within a packet costs its last picture, and the next one is whole", async () => {
  const { segments: [first, second], videoTicks } = await silentClip();
  const cut = first!.subarray(0, Math.floor(first!.length * 0.7) - 100);
  const rig = new Rig();
  await runThenGood(rig, [cut, second!]);
  assert.deepEqual(rig.videoTicks.slice(-30, -20), videoTicks.slice(10));
});

Deno.test("a body that breaks off is reported, and decoding resumes at the next keyframe", async () => {
  const clip = await silentClip({ seconds: 2 });
  const rig = new Rig();
  rig.session.start();
  const [first, second, ...others] = clip.segments;
  await rig.source.feed([first!]);
  const half = second!.subarray(0, second!.length / 2);
  await rig.source.feedSegment(half, { breaksWith: new Error("connection reset") });
  await rig.source.feed(others);
  rig.source.end();
  await rig.ended();
  assert.equal(rig.errors.length, 1);
  assert.match(
    rig.errors[0]!,
    /^input: Cannot read the rest of input segment 1: connection reset; going on with the next one/,
  );
  assert.deepEqual(rig.videoTicks.slice(0, 10), clip.videoTicks.slice(0, 10));
  assert.deepEqual(rig.videoTicks.slice(-20), clip.videoTicks.slice(-20));
});

Deno.test("a segment whose rest was lost is counted, and costs no picture that came whole", async () => {
  const clip = await silentClip({ seconds: 2 });
  const rig = new Rig();
  rig.session.start();
  const [first, second, ...others] = clip.segments;
  await rig.source.feed([first!]);
  await rig.source.feedSegment(second!.subarray(0, second!.length / 2), { isTruncated: true });
  await rig.source.feed(others);
  rig.source.end();
  await rig.ended();
  assert.deepEqual(rig.errors, []);
  assert.deepEqual(rig.videoTicks.slice(0, 10), clip.videoTicks.slice(0, 10));
  assert.deepEqual(rig.videoTicks.slice(-20), clip.videoTicks.slice(-20));
  assert.equal(rig.session.metrics().segments_skipped, 1);
  assert.equal(rig.session.metrics().frames_dropped, 0);
});

Deno.test("missing segments are counted, and decoding resumes at the next keyframe", async () => {
  const clip = await silentClip({ seconds: 2 });
  const rig = new Rig();
  rig.session.start();
  await rig.source.feedSegment(clip.segments[0]!);
  await rig.source.feedSegment(clip.segments[3]!, { skipped: 2 });
  rig.source.end();
  await rig.ended();
  // The last access unit before the gap is known to be whole only by what would have followed it.
  const expected = [...clip.videoTicks.slice(0, 10), ...clip.videoTicks.slice(30)];
  assert.deepEqual(rig.videoTicks, expected);
  assert.equal(rig.session.metrics().segments_skipped, 2);
});

Deno.test("a stream that is joined between keyframes waits for one, and counts what it left out", async () => {
  const clip = await silentClip({ seconds: 2, gopSeconds: 1 });
  const [first, second] = clip.segments;
  const packets = first!.length / 188;
  const rig = new Rig();
  rig.session.start();
  // The tables come with the segment's first two packets.
  const tables = first!.subarray(0, 2 * 188);
  const tail = first!.subarray(Math.floor(packets / 2) * 188);
  await rig.source.feed([joined([tables, tail]), second!]);
  rig.source.end();
  await rig.ended();
  assert.deepEqual(rig.videoTicks, clip.videoTicks.slice(20));
  assert.ok(rig.session.metrics().frames_dropped_by_reason.decoder! > 0);
});

Deno.test("empty segments are passed over", async () => {
  const rig = new Rig();
  await runThenGood(rig, [new Uint8Array(0), new Uint8Array(0)]);
  assert.deepEqual(rig.errors, []);
});

/** A clip whose pictures are listed as VVC, which is not read. */
async function withListedVvc(streams: readonly MadeStream[]): Promise<Uint8Array> {
  const tables = [pat([[1, 0x1000]]), pmt(0x1000, 1, [{ type: 0x33, pid: 0x100 }, ...streams])];
  return withTables(joined((await testClip()).segments), () => tables);
}

Deno.test("a video codec that cannot be used is named, and the audio goes on", async () => {
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed([await withListedVvc([{ type: 0x0F, pid: 0x101 }])]);
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
  assert.equal(rig.errors.length, 1);
  assert.match(
    rig.errors[0]!,
    /^input: Cannot use the VVC video stream \(PID 256\) of the input: publish H\.264 or HEVC/,
  );
  assert.ok(rig.audioPackets > 40, `${rig.audioPackets} audio packets`);
  assert.equal(rig.session.metrics().frames_in, 0);
});

Deno.test("input without any usable stream is reported once, and good input after it comes out", async () => {
  const vvc = await withListedVvc([]);
  const rig = new Rig();
  await runThenGood(rig, [vvc, vvc]);
  assert.equal(rig.errors.length, 1);
  assert.match(rig.errors[0]!, /Cannot use the VVC video stream/);
});

Deno.test("video that cannot be decoded at all fails the session with what is wrong", async () => {
  const { events } = await silentClip();
  const broken = clipOf(events.map((event) => {
    if (event.kind !== "packet") return event;
    return { ...event, packet: { ...event.packet, data: withoutSlices(event.packet.data) } };
  }));
  const rig = new Rig();
  const end = await rig.run(broken);
  assert.ok(end.reason === "failed", end.reason);
  assert.match(end.error.message, /Cannot decode h264: ffmpeg made nothing of \d+ packets/);
  assert.equal(rig.videoTicks.length, 0);
  assert.ok(rig.session.metrics().error_count >= 1);
});

for (
  const [without, reason] of [["keyframes", /neither an IDR picture/], [
    "parameter sets",
    /no sequence/,
  ]] as const
) {
  Deno.test(`a stream without ${without} is reported after 2 s, once, and a good one comes out`, async () => {
    const { events } = await silentClip({ seconds: 3, gopSeconds: 3 });
    let sets: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
    let pictures = 0;
    const clip = clipOf(events.flatMap((event): MediaEvent[] => {
      if (event.kind !== "packet") return [event];
      const { data, keyframe } = event.packet;
      if (keyframe) {
        if (without === "keyframes") sets = data.subarray(0, sliceAt(data));
        return [];
      }
      // Only to open a segment.
      const isFirst = pictures++ === 0;
      const packet = {
        ...event.packet,
        keyframe: isFirst,
        data: isFirst ? joined([sets, data]) : data,
      };
      return [{ ...event, packet }];
    }));
    const rig = new Rig();
    rig.session.start();
    const good = movedClip(await silentClip(), 4 * 90_000);
    await rig.source.feed([...clip.segments, ...good.segments]);
    rig.source.end();
    await rig.ended();
    assert.equal(rig.errors.length, 1);
    assert.match(
      rig.errors[0]!,
      /^input: Cannot start decoding: 4\d pictures in 2 s of input had /,
    );
    assert.match(rig.errors[0]!, reason);
    assert.deepEqual(rig.videoTicks, good.videoTicks);
    assert.equal(rig.session.metrics().frames_dropped_by_reason.decoder, pictures);
  });
}

Deno.test("a channel of tables alone is no error and gives no segments", async () => {
  const { segments: [first] } = await silentClip();
  const rig = new Rig();
  rig.session.start();
  await rig.source.feed([first!.subarray(0, 2 * 188)]);
  rig.source.end();
  assert.deepEqual(await rig.ended(), { reason: "input-ended", found: true });
  assert.equal(rig.sink.segments.length, 0);
});

/** Where the first slice's start code is. */
function sliceAt(data: Uint8Array): number {
  for (let at = 0; at + 3 < data.length; at++) {
    const isStartCode = data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1;
    if (isStartCode && [NAL_SLICE, NAL_IDR].includes(data[at + 3]! & 0x1F)) return at;
  }
  return data.length;
}

/** The data of a packet of video with its parameter sets as they were, and slices of nothing. */
function withoutSlices(data: Uint8Array): Uint8Array {
  const broken = data.slice();
  for (let at = 0; at + 3 < data.length; at++) {
    const isStartCode = data[at] === 0 && data[at + 1] === 0 && data[at + 2] === 1;
    const type = data[at + 3]! & 0x1F;
    if (!isStartCode || (type !== NAL_SLICE && type !== NAL_IDR)) continue;
    // Read as first_mb_in_slice this is beyond the picture's last macroblock.
    broken.fill(0x01, at + 4);
    break;
  }
  return broken;
}
