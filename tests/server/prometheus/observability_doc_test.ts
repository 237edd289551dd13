import assert from "node:assert/strict";
import { FAMILIES } from "../../../src/server/prometheus/mod.ts";

const DOCUMENT = new URL("../../../docs/observability.md", import.meta.url);

interface Row {
  readonly type: string;
  readonly labels: readonly string[];
}

/** The metrics of the tables: several names may share a row, and then all but `stream`. */
function readTables(text: string): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of text.split("\n")) {
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    const [first = "", type = "", labels = ""] = cells;
    for (const name of codes(first)) {
      if (!/^(runnel|process)_/.test(name)) continue;
      assert.ok(!rows.has(name), `${name} is in one row`);
      const own = codes(labels).filter((label) => label !== "stream");
      rows.set(name, {
        type,
        labels: name.startsWith("runnel_stream_") ? ["stream", ...own] : own,
      });
    }
  }
  return rows;
}

function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
}

Deno.test("the document has every metric of /metrics, with its type and labels, and no other", async () => {
  const rows = readTables(await Deno.readTextFile(DOCUMENT));
  for (const { name, type, labels } of FAMILIES) {
    assert.deepEqual(rows.get(name), { type, labels }, name);
  }
  assert.equal(rows.size, FAMILIES.length);
});

Deno.test("the queries and alerts of the document use metrics and labels that exist", async () => {
  const text = await Deno.readTextFile(DOCUMENT);
  const blocks = [...text.matchAll(/```(?:promql|yaml)\n([^]*?)```/g)].map(([, body]) => body!);
  const names = blocks.flatMap((body) => [...body.matchAll(/\brunnel_\w+/g)].map(([name]) => name));
  assert.ok(names.length >= 8, `${names}`);
  for (const name of names) {
    const base = name.replace(/_(bucket|sum|count)$/, "");
    assert.ok(FAMILIES.some((family) => [name, base].includes(family.name)), name);
  }
});
