import assert from "node:assert/strict";
import { FAMILIES } from "../../../src/server/prometheus/mod.ts";
import { streamCounters, telemetryName } from "../../../src/session/mod.ts";

const DOCUMENT = new URL("../../../docs/observability.md", import.meta.url);

interface Row {
  readonly type: string;
  readonly labels: readonly string[];
  readonly meaning: string;
  /** Name and unit, where the table has that column. */
  readonly telemetry: readonly string[];
}

/** The metrics of the tables: several names may share a row, and then all but `stream`. */
function readTables(text: string): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const line of text.split("\n")) {
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    const [first = "", type = "", labels = ""] = cells;
    const meaning = cells.at(-1) ?? "";
    const telemetry = cells.length > 4 ? codes(cells[3]!) : [];
    for (const name of codes(first)) {
      if (!/^(runnel|process)_/.test(name)) continue;
      assert.ok(!rows.has(name), `${name} is in one row`);
      const own = codes(labels).filter((label) => label !== "stream");
      rows.set(name, {
        type,
        labels: name.startsWith("runnel_stream_") ? ["stream", ...own] : own,
        meaning,
        telemetry,
      });
    }
  }
  return rows;
}

function codes(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code!);
}

Deno.test("the document has every metric of /metrics, with its type, labels and meaning, and no other", async () => {
  const rows = readTables(await Deno.readTextFile(DOCUMENT));
  for (const { name, type, labels, help } of FAMILIES) {
    const row = rows.get(name);
    assert.deepEqual([row?.type, row?.labels], [type, labels], name);
    assert.ok(help.startsWith(row!.meaning), `${name}: ${help}`);
  }
  assert.equal(rows.size, FAMILIES.length);
});

Deno.test("the document has the name and unit of every counter for OpenTelemetry", async () => {
  const rows = readTables(await Deno.readTextFile(DOCUMENT));
  for (const [name, { unit }] of streamCounters()) {
    assert.deepEqual(rows.get(`runnel_${name}_total`)?.telemetry, [telemetryName(name), unit]);
  }
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
