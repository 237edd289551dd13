import assert from "node:assert/strict";
import { SegmentBuffer, SegmentCursor } from "../../src/trickle/server/segment_buffer.ts";
import { withServer } from "./server_bench.ts";
import { until } from "../waiting.ts";

const KIB = 1024;
/** From what fits into one write to more than all buffers on the way. */
const SIZES = [100 * KIB, 700 * KIB, 3000 * KIB, 9000 * KIB];
const RING_SIZE = 5;

/** Bytes that differ from place to place. */
function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => index * 31 + (index >> 8) & 0xFF);
}

Deno.test("readers get every byte of segments that leave the ring before they read", () =>
  withServer(async (bench) => {
    bench.server.createChannel("c");
    const reading = Promise.withResolvers<void>();
    const readers = [];
    for (const [index, size] of SIZES.entries()) {
      readers.push(await bench.send({ method: "GET", path: `/c/${index}` }, reading.promise));
      assert.equal((await bench.post(index, pattern(size))).status, 200);
    }
    // What the connections have taken of the small ones is all that there is of them now.
    for (let count = 0; count < RING_SIZE; count++) {
      await bench.post(SIZES.length + count, pattern(200 * KIB));
    }
    const whole = SIZES.reduce((sum, size) => sum + size, 0);
    await until(() => bench.server.stats.heldBytes < whole, "the first segments' end");
    reading.resolve();
    for (const [index, reader] of readers.entries()) {
      const expected = new TextDecoder("latin1").decode(pattern(SIZES[index]!));
      assert.equal((await reader.whole()).body === expected, true, `segment ${index}`);
    }
  }));

Deno.test("pieces that the program itself read stay as they are when the segment leaves the ring", () =>
  withServer(async (bench) => {
    await bench.post(0, pattern(700 * KIB));
    const answer = await bench.server.handler(new Request("http://trickle.local/c/0"));
    const pieces: Uint8Array[] = [];
    for await (const piece of answer.body!) pieces.push(piece);
    for (let index = 1; index <= RING_SIZE; index++) await bench.post(index, "x");
    assert.equal((await bench.read(0)).status, 470);
    assert.deepEqual(
      new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()),
      pattern(700 * KIB),
    );
  }));

Deno.test("a segment that is given up frees its memory at once where nobody has a piece of it", () => {
  const discarded = (prepare: (segment: SegmentBuffer) => void): number => {
    const segment = new SegmentBuffer(0, false);
    segment.append(pattern(1000));
    const piece = new SegmentCursor(segment).read()!;
    prepare(segment);
    segment.discard();
    return piece.byteLength;
  };
  assert.equal(discarded(() => {}), 0);
  assert.equal(discarded((segment) => segment.readers++), 1000);
  assert.equal(discarded((segment) => segment.piecesAreKept = true), 1000);
});
