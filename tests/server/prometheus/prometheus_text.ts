/** Reads what `/metrics` answers, by somebody else's parser and line by line. */

import assert from "node:assert/strict";
import parsePrometheus from "npm:parse-prometheus-text-format@1.1.1";

interface ParsedFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly metrics: readonly {
    readonly value?: string;
    readonly labels?: Readonly<Record<string, string>>;
  }[];
}

/** One line. */
export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The metrics that a parser finds, by name. */
export function parseFamilies(text: string): ReadonlyMap<string, ParsedFamily> {
  const families: readonly ParsedFamily[] = parsePrometheus(text);
  return new Map(families.map((family) => [family.name, family]));
}

/** The value of a counter or gauge with just these labels. */
export function valueOf(text: string, name: string, labels: Record<string, string> = {}): number {
  const wanted = JSON.stringify(sorted(labels));
  const found = parseFamilies(text).get(name)?.metrics
    .find((metric) => JSON.stringify(sorted(metric.labels ?? {})) === wanted);
  assert.ok(found?.value !== undefined, `${name}${wanted} is not in:\n${text}`);
  return Number(found.value);
}

/** Every line, in its order. Label values must hold no brace and no quote. */
export function readSamples(text: string): ReadSample[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).map((line) => {
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    assert.ok(match, `not a sample: ${line}`);
    const labels = [...(match[2] ?? "").matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"/g)]
      .map(([, name, value]) => [name, value]);
    const value = match[3] === "+Inf" ? Infinity : Number(match[3]);
    return { name: match[1]!, labels: Object.fromEntries(labels), value };
  });
}

/** Asserts what holds for every histogram: `le` ascends, counts never fall, `+Inf` is the count. */
export function assertHistograms(text: string): void {
  const series = new Map<string, ReadSample[]>();
  const samples = readSamples(text);
  for (const sample of samples.filter(({ name }) => name.endsWith("_bucket"))) {
    const { le: _le, ...labels } = sample.labels;
    const key = sample.name.replace(/_bucket$/, "") + JSON.stringify(labels);
    series.set(key, [...series.get(key) ?? [], sample]);
  }
  assert.ok(series.size > 0, "there is a histogram");
  for (const [key, buckets] of series) {
    const bounds = buckets.map(({ labels }) => Number(labels["le"]!.replace("+Inf", "Infinity")));
    assert.deepEqual(bounds, [...new Set(bounds)].sort((a, b) => a - b), key);
    assert.equal(bounds.at(-1), Infinity, key);
    const counts = buckets.map(({ value }) => value);
    assert.deepEqual(counts, counts.toSorted((a, b) => a - b), key);
    for (const [suffix, least] of [["_count", counts.at(-1)!], ["_sum", 0]] as const) {
      const found = samples.filter(({ name, labels }) =>
        name.endsWith(suffix) && name.replace(suffix, "") + JSON.stringify(labels) === key
      );
      assert.equal(found.length, 1, `${key} ${suffix}`);
      if (suffix === "_count") assert.equal(found[0]!.value, least, key);
      else assert.ok(found[0]!.value >= least, key);
    }
  }
}

/** The counters, and the counts of histograms: what must never fall. */
export function countersOf(text: string): ReadonlyMap<string, number> {
  const counts = readSamples(text).filter(({ name }) => /_(total|bucket|count|sum)$/.test(name))
    .filter(({ labels }) => labels["stream"] === undefined);
  return new Map(counts.map(({ name, labels, value }) => [name + JSON.stringify(labels), value]));
}

function sorted(labels: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(labels).sort(([a], [b]) => a < b ? -1 : 1);
}
