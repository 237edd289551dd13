import assert from "node:assert/strict";
import {
  linesOf,
  MAX_TEXT_CHARACTERS,
  parseMessage,
  writeMessage,
} from "../../../src/worker/isolation/process/framing.ts";
import { seededRandom } from "../../frames/pictures.ts";

const encoder = new TextEncoder();

function streamOf(pieces: Iterable<Uint8Array>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(pieces as Iterable<Uint8Array<ArrayBuffer>>);
}

Deno.test("linesOf() gives lines and messages however they are cut into pieces", async () => {
  const random = seededRandom(3);
  const message = { call: "x", bytes: new Uint8Array(5000).fill(7) };
  const sent = encoder.encode(
    `one\n\n${writeMessage(message)}printed before ${writeMessage(message)}zwölf € \u001e\nend`,
  );
  for (let round = 0; round < 50; round++) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < sent.length;) {
      const size = 1 + Math.floor(random() ** 4 * 3000);
      pieces.push(sent.slice(at, at + size));
      at += size;
    }
    const lines = await Array.fromAsync(linesOf(streamOf(pieces)));
    assert.equal(lines.length, 6);
    assert.deepEqual([lines[0], lines[1], lines[4], lines[5]], [
      "one",
      "",
      "zwölf € \u001e",
      "end",
    ]);
    for (const line of [lines[2]!, lines[3]!]) {
      assert.deepEqual(parseMessage(line), { message });
    }
  }
});

Deno.test("linesOf() keeps little of text without a line end, and finds the message behind it", async () => {
  const piece = encoder.encode("x".repeat(65_536));
  function* endless(): Generator<Uint8Array> {
    for (let count = 0; count < 2_000; count++) yield piece;
    yield encoder.encode(`${writeMessage({ after: "all" })}short\n`);
  }
  const lines = await Array.fromAsync(linesOf(streamOf(endless())));
  assert.deepEqual(lines.map((line) => parseMessage(line)?.message ?? line), [
    { after: "all" },
    "short",
  ]);
  const [text] = await Array.fromAsync(linesOf(streamOf([piece, encoder.encode("\n")])));
  assert.equal(text, "x".repeat(MAX_TEXT_CHARACTERS));
  const mark = encoder.encode(writeMessage({}).slice(0, 10));
  const printed = linesOf(streamOf([mark, piece, encoder.encode("\n")]), { messages: false });
  assert.equal((await Array.fromAsync(printed))[0]!.length, MAX_TEXT_CHARACTERS);
});

Deno.test("linesOf() refuses lines that are too long", async () => {
  const message = encoder.encode(writeMessage(new Uint8Array(1000)));
  await assert.rejects(
    Array.fromAsync(linesOf(streamOf([message]), { maxCharacters: 1000 })),
    RangeError,
  );
  const text = [encoder.encode("x".repeat(600)), encoder.encode("x".repeat(600))];
  await assert.rejects(
    Array.fromAsync(linesOf(streamOf(text), { maxCharacters: 1000 })),
    RangeError,
  );
});
