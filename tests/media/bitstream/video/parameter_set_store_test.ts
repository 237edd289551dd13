/** Keyframes of streams that send their parameter sets once, or in parts. */

import assert from "node:assert/strict";
import { nalUnits, ParameterSetStore } from "../../../../src/media/bitstream/mod.ts";
import { demux, joined } from "../../../session/clips.ts";
import { FfmpegBatch } from "../../ffmpeg_batch.ts";

const batch = new FfmpegBatch();
const STREAMS = {
  h264: batch.add(
    "-f lavfi -i testsrc2=s=64x64:r=10:d=1 -c:v libx264 -g 5 -f mpegts pipe:1".split(" "),
  ),
  hevc: batch.add(
    "-f lavfi -i testsrc2=s=64x64:r=10:d=1 -c:v libx265 -x265-params log-level=error:keyint=5 -f mpegts pipe:1"
      .split(" "),
  ),
} as const;
const SETS = { h264: [7, 8], hevc: [32, 33, 34] } as const;
const DELIMITER = { h264: 9, hevc: 35 } as const;

type Codec = keyof typeof STREAMS;

function typeOf(codec: Codec, nal: Uint8Array): number {
  return codec === "h264" ? nal[0]! & 31 : nal[0]! >> 1 & 63;
}

function typesOf(codec: Codec, unit: Uint8Array): number[] {
  return [...nalUnits(unit)].map((nal) => typeOf(codec, nal));
}

function unitOf(nals: Iterable<Uint8Array>): Uint8Array {
  return joined([...nals].flatMap((nal) => [Uint8Array.of(0, 0, 0, 1), nal]));
}

/** The unit without NAL units of these types. */
function without(codec: Codec, unit: Uint8Array, types: readonly number[]): Uint8Array {
  return unitOf([...nalUnits(unit)].filter((nal) => !types.includes(typeOf(codec, nal))));
}

async function keyframes(codec: Codec): Promise<Uint8Array[]> {
  const units = demux(await STREAMS[codec]()).filter(({ keyframe }) => keyframe);
  return units.map(({ data }) => unitOf(nalUnits(data)));
}

for (const codec of ["h264", "hevc"] as const) {
  const sets = SETS[codec];

  Deno.test(`a keyframe of ${codec} that has its parameter sets stays as it is`, async () => {
    const store = new ParameterSetStore(codec);
    for (const unit of await keyframes(codec)) assert.equal(store.complete(unit), unit);
  });

  Deno.test(`a keyframe of ${codec} gets the parameter sets that were sent before it`, async () => {
    const [first, second] = await keyframes(codec);
    const store = new ParameterSetStore(codec);
    store.note(first!);
    const bare = without(codec, second!, sets);
    const complete = store.complete(bare);
    const [delimiter, ...rest] = typesOf(codec, bare);
    assert.equal(delimiter, DELIMITER[codec]);
    assert.deepEqual(typesOf(codec, complete), [delimiter, ...sets, ...rest]);
    assert.deepEqual(without(codec, complete, sets), bare);
  });

  Deno.test(`a keyframe of ${codec} without a delimiter begins with its parameter sets`, async () => {
    const [first, second] = await keyframes(codec);
    const store = new ParameterSetStore(codec);
    store.note(first!);
    const bare = without(codec, second!, [...sets, DELIMITER[codec]]);
    assert.deepEqual(typesOf(codec, store.complete(bare)), [...sets, ...typesOf(codec, bare)]);
  });

  Deno.test(`a keyframe of ${codec} with some of its parameter sets has all in their order`, async () => {
    const [first, second] = await keyframes(codec);
    const store = new ParameterSetStore(codec);
    store.note(first!);
    const picture = sets.at(-1)!;
    const types = typesOf(codec, store.complete(without(codec, second!, [picture])));
    assert.deepEqual(types.slice(1, 1 + sets.length), sets);
    assert.ok(
      types.indexOf(picture) < types.findIndex((type) => type === typesOf(codec, second!).at(-1)),
    );
  });
}

Deno.test("a sequence parameter set that changes takes those along that refer to it", async () => {
  const [unit] = await keyframes("h264");
  const store = new ParameterSetStore("h264");
  store.note(unit!);
  const changed = unitOf(
    [...nalUnits(unit!)].filter((nal) => (nal[0]! & 31) !== 8).map((nal) => {
      if ((nal[0]! & 31) !== 7) return nal;
      const other = nal.slice();
      other[3]! ^= 1; // level_idc
      return other;
    }),
  );
  assert.equal(store.complete(changed), changed, "nothing of before is added");
});

Deno.test("parameter sets that are cut short are not kept", () => {
  const store = new ParameterSetStore("hevc");
  store.note(unitOf([Uint8Array.of(66, 1, 1), Uint8Array.of(68, 1)]));
  const picture = unitOf([Uint8Array.of(38, 1, 128)]);
  assert.equal(store.complete(picture), picture);
});
