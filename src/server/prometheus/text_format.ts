/**
 * Prometheus' text format, version 0.0.4:
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 *
 * @module
 */

/** Media type of what {@linkcode writeFamily} writes. */
export const PROMETHEUS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** How Prometheus treats a metric. */
export type MetricType = "counter" | "gauge" | "histogram";

/** Names and values of labels. Names are fixed; values may be any text. */
export type Labels = Readonly<Record<string, string>>;

/** One line: a value of a metric. */
export interface Sample {
  /** What a line of a histogram adds to its name. @default none */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly labels: Labels;
  readonly value: number;
}

/** The counts of a histogram, its buckets cumulative. */
export interface Buckets {
  /** Upper bounds, ascending, without the last, infinite one. */
  readonly bounds: readonly number[];
  readonly cumulative: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** What stands above the lines of a metric. */
export interface FamilyHeader {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
}

/** A metric with all of its lines; nothing where there are none. */
export function writeFamily(header: FamilyHeader, samples: Iterable<Sample>): string {
  const { name, type, help } = header;
  const lines: string[] = [];
  for (const { suffix = "", labels, value } of samples) {
    lines.push(`${name}${suffix}${writeLabels(labels)} ${writeValue(value)}\n`);
  }
  if (lines.length === 0) return "";
  return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

/** The lines of a histogram: its buckets in ascending order, their sum and their count. */
export function* histogramSamples(labels: Labels, buckets: Buckets): Generator<Sample> {
  const { bounds, cumulative, count, sum } = buckets;
  for (const [index, bound] of bounds.entries()) {
    const le = writeValue(bound);
    yield { suffix: "_bucket", labels: { ...labels, le }, value: cumulative[index] ?? count };
  }
  yield { suffix: "_bucket", labels: { ...labels, le: "+Inf" }, value: count };
  yield { suffix: "_sum", labels, value: sum };
  yield { suffix: "_count", labels, value: count };
}

function writeLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

/** Throws a `TypeError` for what is no number: text could hold lines of its own. */
function writeValue(value: number): string {
  if (typeof value !== "number") throw new TypeError(`Cannot write a ${typeof value} as a metric`);
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** The format knows three escapes. Control characters would be kept, but parsers stumble over some. */
function escapeLabel(text: string): string {
  return escapeHelp(text.toWellFormed())
    .replaceAll('"', '\\"')
    // deno-lint-ignore no-control-regex -- they are what is looked for
    .replaceAll(/[\x00-\x1f\x7f]/g, "\ufffd");
}
