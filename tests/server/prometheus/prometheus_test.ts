import assert from "node:assert/strict";
import { FAMILIES, MetricsExporter } from "../../../src/server/prometheus/mod.ts";
import { StreamLedger } from "../../../src/worker/mod.ts";
import { makeFigures, makeStream } from "./prometheus_figures.ts";
import {
  assertHistograms,
  countersOf,
  parseFamilies,
  readSamples,
  valueOf,
} from "./prometheus_text.ts";

const EVERYTHING = makeFigures({
  streams: [makeStream("job-1"), makeStream("job-2", 7)],
  gpu: { adapter: "GPU", buffers_in_use: 4, bytes_in_use: 4096, bytes_idle: 8192 },
  registration: { registered: true, registrations: 2, failures: 1 },
});

function textOf(figures = EVERYTHING): string {
  return new MetricsExporter(() => figures).text();
}

Deno.test("every metric is found by another parser, with its type, help and labels", () => {
  const text = textOf();
  const found = parseFamilies(text);
  assert.deepEqual([...found.keys()], FAMILIES.map(({ name }) => name));
  for (const { name, type, help, labels } of FAMILIES) {
    assert.equal(found.get(name)?.type, type.toUpperCase());
    assert.equal(found.get(name)?.help, help);
    const samples = readSamples(text).filter((sample) =>
      sample.name === name || type === "histogram" && sample.name === `${name}_count`
    );
    assert.ok(samples.length > 0, name);
    for (const sample of samples) assert.deepEqual(Object.keys(sample.labels), [...labels], name);
  }
});

Deno.test("names and units follow the conventions of Prometheus", () => {
  for (const { name, type, labels } of FAMILIES) {
    assert.match(name, /^(runnel|process)_[a-z0-9]+(_[a-z0-9]+)*$/);
    assert.equal(type === "counter", name.endsWith("_total"), name);
    assert.doesNotMatch(name, /_(ms|mb|kb|milliseconds|megabytes)(_|$)/);
    for (const label of labels) assert.match(label, /^[a-z]+$/);
  }
  assert.equal(new Set(FAMILIES.map(({ name }) => name)).size, FAMILIES.length);
});

Deno.test("histograms ascend and end with their count", () => {
  const text = textOf();
  assertHistograms(text);
  const total = readSamples(text).filter(({ name, labels }) =>
    name === "runnel_latency_seconds_count" && labels["stage"] === "total"
  );
  assert.deepEqual(total.map(({ value }) => value), [10]);
  const bucket = readSamples(text).find(({ name, labels }) =>
    name === "runnel_stream_latency_seconds_bucket" && labels["stream"] === "job-2" &&
    labels["stage"] === "process" && labels["le"] === "0.01"
  );
  assert.equal(bucket?.value, 7);
});

Deno.test("a worker's totals are those of its active and its ended streams", () => {
  const ledger = new StreamLedger();
  const past = makeStream("past", 5);
  ledger.started();
  ledger.ended({ reason: "stopped" }, past.metrics, past.details);
  ledger.rejected("capacity");
  const streams = [makeStream("now", 2)];
  const text = textOf(makeFigures({ streams, ledger: ledger.figures() }));
  assert.equal(valueOf(text, "runnel_frames_in_total"), 7);
  assert.equal(valueOf(text, "runnel_stream_frames_in_total", { stream: "now" }), 2);
  assert.equal(valueOf(text, "runnel_frames_dropped_total", { reason: "queue" }), 4);
  assert.equal(valueOf(text, "runnel_errors_total", { stage: "process" }), 2);
  assert.equal(valueOf(text, "runnel_errors_total", { stage: "stream" }), 2);
  assert.equal(valueOf(text, "runnel_segments_in_total"), 4);
  assert.equal(valueOf(text, "runnel_input_bytes_total"), 2_468);
  assert.equal(valueOf(text, "runnel_streams_ended_total", { reason: "stopped" }), 1);
  assert.equal(valueOf(text, "runnel_streams_ended_total", { reason: "failed" }), 0);
  assert.equal(valueOf(text, "runnel_streams_rejected_total", { reason: "capacity" }), 1);
});

Deno.test("every counter of a worker is there before its first stream, at 0", () => {
  const text = textOf(makeFigures());
  assert.equal(valueOf(text, "runnel_frames_dropped_total", { reason: "queue" }), 0);
  assert.equal(valueOf(text, "runnel_errors_total", { stage: "stream" }), 0);
  assert.equal(valueOf(text, "runnel_frames_in_total"), 0);
  assertHistograms(text);
});

Deno.test("no counter of a worker falls or vanishes when its streams end", () => {
  const ledger = new StreamLedger();
  const streams = [makeStream("a"), makeStream("b", 9)];
  let before = countersOf(textOf(makeFigures({ streams, ledger: ledger.figures() })));
  while (streams.length > 0) {
    const { metrics, details } = streams.pop()!;
    ledger.ended({ reason: "input-ended", found: true }, metrics, details);
    const text = textOf(makeFigures({ streams, ledger: ledger.figures() }));
    const after = countersOf(text);
    for (const [name, value] of before) {
      assert.ok(after.get(name)! >= value, `${name}: ${value}, then ${after.get(name)}`);
    }
    before = after;
  }
  assert.equal(
    readSamples(textOf(makeFigures({ ledger: ledger.figures() })))
      .filter(({ labels }) => "stream" in labels).length,
    0,
  );
});

Deno.test("a stream may have any id", () => {
  const ids = [
    'a"} 1\nrunnel_ready 99\n# {',
    "back\\slash\\",
    "\\n",
    "\n",
    'a,b="c"',
    "\u0000one",
    "\u0001one",
    "\ud800",
    "\udfff",
    "名前 🎥",
    "",
    "__proto__",
    "{}",
    "x".repeat(10_000),
  ];
  const text = textOf(makeFigures({ streams: ids.map((id) => makeStream(id)) }));
  assert.equal(valueOf(text, "runnel_ready"), 1);
  const { metrics } = parseFamilies(text).get("runnel_stream_frames_in_total")!;
  const labels = metrics.map((metric) => metric.labels!["stream"]!);
  assert.equal(new Set(labels).size, ids.length, JSON.stringify(labels));
  for (const [index, id] of ids.entries()) {
    // deno-lint-ignore no-control-regex -- they are what is looked for
    const harmless = id.toWellFormed().replaceAll(/[\x00-\x1f]/g, "\ufffd");
    assert.ok(labels[index]!.startsWith(harmless), labels[index]);
  }
  assert.doesNotMatch(text, /^runnel_ready 99/m);
  // deno-lint-ignore no-control-regex -- they are what is looked for
  assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f]/);
});

Deno.test("what there is not is left out: no GPU, no registration", () => {
  const text = textOf(makeFigures({ streams: [makeStream("plain")] }));
  const found = parseFamilies(text);
  for (const name of ["runnel_gpu_in_use_bytes", "runnel_registered"]) {
    assert.equal(found.has(name), false, name);
  }
  assert.equal(valueOf(text, "runnel_frames_in_total"), 3);
  assertHistograms(text);
});

Deno.test("a stream whose figures are damaged is left out, and hides no other", () => {
  const whole = makeStream("whole");
  const damaged: unknown[] = [
    { ...whole, id: "a", metrics: null },
    { ...whole, id: "b", details: {} },
    { ...whole, id: "c", metrics: { ...whole.metrics, frames_in: "1\nrunnel_ready 0" } },
    { ...whole, id: "d", metrics: { ...whole.metrics, frames_in: {} } },
  ];
  for (const stream of damaged as (typeof whole)[]) {
    const text = new MetricsExporter(() => makeFigures({ streams: [stream, whole] })).text();
    assert.equal(valueOf(text, "runnel_frames_in_total"), 3);
    assert.equal(valueOf(text, "runnel_ready"), 1);
  }
});

Deno.test("each scrape takes one snapshot of its own", () => {
  let scrapes = 0;
  const exporter = new MetricsExporter(() => makeFigures({ messages_dropped: ++scrapes }));
  exporter.text();
  assert.equal(valueOf(exporter.text(), "runnel_processor_messages_dropped_total"), 2);
});
