/** docs/architecture.md names files and states that are there. */

import assert from "node:assert/strict";
import { nextState, type StreamState, type StreamStep } from "../../src/session/stream_state.ts";
import { ROOM_RULES } from "../../scripts/import_rules.ts";

const ROOT = new URL("../../", import.meta.url);
const TEXT = await Deno.readTextFile(new URL("docs/architecture.md", ROOT));

Deno.test("the document of the architecture names files and folders that are there", async () => {
  const paths = new Set(
    TEXT.match(/`(?:src|scripts)\/[\w./]+`/g)?.map((code) => code.slice(1, -1)),
  );
  assert.ok(paths.size > 40, `${paths.size} paths`);
  for (const path of paths) await Deno.stat(new URL(path, ROOT));
});

Deno.test("the document of the architecture has every room", () => {
  const rooms = Object.keys(ROOM_RULES).filter((room) => !room.endsWith(".ts"));
  for (const room of rooms) assert.ok(TEXT.includes(`\`src/${room}\``), room);
});

Deno.test("the document of the architecture has the table of states", () => {
  const [head, , ...rows] = tableAfter("## The life of a stream");
  const steps = head!.slice(1) as StreamStep[];
  assert.deepEqual(steps, ["start", "ready", "end", "over"]);
  assert.equal(rows.length, 5);
  for (const [state, ...nexts] of rows) {
    for (const [index, next] of nexts.entries()) {
      const expected = nextState(state as StreamState, steps[index]!);
      assert.equal(next, expected === state ? "" : expected, `${state} ${steps[index]}`);
    }
  }
});

/** The cells of the first table behind a heading, without backquotes. */
function tableAfter(heading: string): string[][] {
  const lines = TEXT.slice(TEXT.indexOf(heading)).split("\n");
  const first = lines.findIndex((line) => line.startsWith("|"));
  const rest = lines.slice(first);
  const table = rest.slice(0, rest.findIndex((line) => !line.startsWith("|")));
  return table.map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim().replaceAll("`", ""))
  );
}
