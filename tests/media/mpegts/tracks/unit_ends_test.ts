import assert from "node:assert/strict";
import { type UnitEnd, UnitEnds } from "../../../../src/media/mpegts/tracks/unit_ends.ts";

function end(changes: Partial<UnitEnd> = {}): UnitEnd {
  return { kind: "stuffing", bytes: 1000, keyframe: false, alone: true, pes: 1, ...changes };
}

Deno.test("UnitEnds believes ends after a keyframe, up to the largest that was one", () => {
  const ends = new UnitEnds();
  assert.equal(ends.note(end()), false);
  ends.confirm();
  assert.equal(ends.note(end({ keyframe: true, bytes: 9000 })), false);
  ends.confirm();
  assert.equal(ends.note(end()), true);
  assert.equal(ends.note(end({ bytes: 9000 })), true);
  assert.equal(ends.note(end({ bytes: 9001 })), false);
  // Of other kinds of ends nothing is known yet.
  assert.equal(ends.note(end({ kind: "length" })), false);
});

Deno.test("UnitEnds does not take one end, of a PES packet that is cut anywhere, for a rule", () => {
  const ends = new UnitEnds();
  assert.equal(ends.note(end({ keyframe: true })), false);
  ends.confirm();
  assert.equal(ends.note(end({ bytes: 100 })), false);
});

Deno.test("UnitEnds does not learn from pictures that share a PES packet", () => {
  const ends = new UnitEnds();
  assert.equal(ends.note(end({ keyframe: true, alone: false })), false);
  ends.confirm();
  assert.equal(ends.note(end()), false);
  ends.vouchFor();
  assert.equal(ends.note(end({ alone: false })), false);
});

Deno.test("UnitEnds believes a muxer that is vouched for until it is wrong", () => {
  const ends = new UnitEnds();
  ends.vouchFor();
  assert.equal(ends.note(end({ keyframe: true, pes: 5 })), true);
  ends.refute(6);
  assert.equal(ends.doubtful, true);
  for (let keyframe = 0; keyframe < 32; keyframe++) {
    assert.equal(ends.note(end({ keyframe: true, pes: 7 + keyframe })), false);
    ends.confirm();
  }
  assert.equal(ends.note(end()), true);
});

Deno.test("UnitEnds doubts only stuffing where a PES packet goes on behind it", () => {
  const ends = new UnitEnds();
  ends.note(end({ kind: "stuffed-first", keyframe: true, pes: 1 }));
  ends.refute(1);
  for (const pes of [1, 2]) {
    assert.equal(ends.note(end({ keyframe: true, pes })), false);
    ends.confirm();
  }
  assert.equal(ends.note(end()), true);
  assert.equal(ends.note(end({ kind: "stuffed-first", bytes: 1 })), false);
});
