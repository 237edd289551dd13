import assert from "node:assert/strict";
import { PesReader } from "../../../../src/media/mpegts/pes/pes_reader.ts";
import { createCounters } from "../../../../src/media/mpegts/stats.ts";
import { TsLayout } from "../ts_layout.ts";

/** What a reader takes of packets, of which the last two have the same counter. */
function payloadsOf(pieces: readonly (readonly number[])[]): number[][] {
  const layout = new TsLayout();
  for (const piece of pieces) layout.pes({ payload: Uint8Array.from(piece) }, { sized: true });
  const payloads: number[][] = [];
  const reader = new PesReader({
    counters: createCounters(),
    sink: {
      begin: () => {},
      payload: (data, from, to) => payloads.push([...data.subarray(from, to)]),
      end: () => {},
      lost: () => {},
      endsWith: (data, from, to) => {
        const last = payloads.at(-1) ?? [];
        return [...data.subarray(from, to)].every((byte, index) =>
          byte === last[last.length - (to - from) + index]
        );
      },
    },
  });
  layout.packets.forEach((packet, index) => {
    const marked = packet.slice();
    marked[3] = marked[3]! & 0xF0 | Math.min(index, layout.packets.length - 2);
    reader.packet(marked, 0);
  });
  return payloads;
}

Deno.test("PesReader takes a packet for repeated that has as many bytes, and the same", () => {
  const before = [[7], [8]];
  assert.deepEqual(payloadsOf([...before, [1, 2, 3], [1, 2, 3]]), [...before, [1, 2, 3]]);
  for (const [first, second] of [[[1, 2, 3], [1, 2, 4]], [[0], [0, 1, 0]]] as const) {
    assert.deepEqual(payloadsOf([...before, first, second]), [...before, first, second]);
  }
});
