import assert from "node:assert/strict";
import type { StreamOutput } from "./harness.ts";
import { Chain } from "./harness.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { decodeVideo } from "./decoding.ts";
import { assertDecodesCleanly, probeStreams } from "./ffmpeg.ts";
import { assertEveryFrame } from "./assertions.ts";

Deno.test("every frame of a live stream comes out once, in order, at its own time", async () => {
  await using chain = await Chain.start();
  const clip = await makeTestClip();
  const output = await chain.run(clip);
  assertEveryFrame(await decodeVideo(output.bytes), shownTicks(clip));
  const metrics = await chain.metrics();
  assert.equal(metrics.frames_in, 60);
  assert.equal(metrics.frames_out, 60);
  assert.equal(metrics.frames_dropped, 0);
  assert.equal(metrics.error_count, 0);
});

Deno.test("every segment of the output plays alone", async () => {
  await using chain = await Chain.startHere();
  const output = await chain.run(await makeTestClip({ seconds: 5 }));
  assert.ok(output.segments.length >= 3, `${output.segments.length} segments`);
  for (const [seq, segment] of output.segments.entries()) {
    assertStartsWithTables(segment);
    assertBeginsWithKeyframe(output, seq);
    await assertDecodesCleanly(segment, `segment ${seq}`);
    const streams = await probeStreams(segment);
    assert.deepEqual(
      streams.map(({ codec_name, width, height, sample_rate }) => ({
        codec_name,
        ...(codec_name === "h264" ? { width, height } : { sample_rate }),
      })),
      [
        { codec_name: "h264", width: 320, height: 240 },
        { codec_name: "opus", sample_rate: "48000" },
      ],
    );
  }
});

/** The first packet holds the PAT (PID 0), the second the PMT that it names. */
function assertStartsWithTables(segment: Uint8Array): void {
  const pid = (packet: number): number => {
    const at = packet * 188;
    assert.equal(segment[at], 0x47, `sync byte of packet ${packet}`);
    return (segment[at + 1]! & 0x1f) * 256 + segment[at + 2]!;
  };
  assert.equal(pid(0), 0, "PID of the first packet");
  // Pointer field, table header of 8 bytes, program number, then the PID of the program's map.
  const payload = 4 + 1 + 8 + 2;
  const pmtPid = (segment[payload]! & 0x1f) * 256 + segment[payload + 1]!;
  assert.equal(pid(1), pmtPid, "PID of the second packet");
}

const NAL_SPS = 7;
const NAL_PPS = 8;
const NAL_IDR = 5;

function assertBeginsWithKeyframe({ probe }: StreamOutput, seq: number): void {
  const first = probe.seen.find((seen) => seen.seq === seq)?.packet;
  assert.equal(first?.kind, "video", `first packet of segment ${seq}`);
  assert.ok(first.keyframe, `first packet of segment ${seq} is a keyframe`);
  const types = nalTypes(first.data);
  const [sps, pps, idr] = [NAL_SPS, NAL_PPS, NAL_IDR].map((type) => types.indexOf(type));
  assert.ok(sps !== -1 && sps! < pps! && pps! < idr!, `NAL units ${types.join()}`);
}

function nalTypes(accessUnit: Uint8Array): number[] {
  const types: number[] = [];
  for (let at = 0; at + 3 < accessUnit.length; at++) {
    if (accessUnit[at] === 0 && accessUnit[at + 1] === 0 && accessUnit[at + 2] === 1) {
      types.push(accessUnit[at + 3]! & 0x1f);
    }
  }
  return types;
}
