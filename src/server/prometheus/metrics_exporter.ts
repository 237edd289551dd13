/**
 * The figures of a worker as `/metrics` gives them.
 *
 * @module
 */

import { addCounts, countersOf } from "../../session/mod.ts";
import type { Endpoint } from "../http/route_table.ts";
import { FAMILIES } from "./families.ts";
import type { Scrape, StreamSeries } from "./family.ts";
import type { ServerFigures } from "./server_figures.ts";
import { PROMETHEUS_CONTENT_TYPE, writeFamily } from "./text_format.ts";

/** Writes what a worker counts for Prometheus. Every scrape is of one moment. */
export class MetricsExporter {
  readonly #snapshot: () => ServerFigures;

  /** `snapshot` gives the figures of the moment; it is called once per scrape. */
  constructor(snapshot: () => ServerFigures) {
    this.#snapshot = snapshot;
  }

  /** The metrics of this moment, in the text format of Prometheus. */
  text(): string {
    const figures = this.#snapshot();
    try {
      return write(figures);
    } catch {
      // What the process of a stream says of itself may be damaged: the others are shown without it.
      const streams = figures.streams.filter((stream) => isWhole(figures, stream));
      return write({ ...figures, streams });
    }
  }
}

function write(figures: ServerFigures): string {
  const scrape = scrapeOf(figures);
  return FAMILIES.map((family) => writeFamily(family, family.samples(scrape))).join("");
}

function isWhole(figures: ServerFigures, stream: ServerFigures["streams"][number]): boolean {
  try {
    write({ ...figures, streams: [stream] });
    return true;
  } catch {
    return false;
  }
}

/** The answer to `GET /metrics`. */
export function metricsResponse(exporter: MetricsExporter): Response {
  return new Response(exporter.text(), {
    headers: { "Content-Type": PROMETHEUS_CONTENT_TYPE, "Cache-Control": "no-store" },
  });
}

/** Where Prometheus looks. */
export const METRICS_PATH = "/metrics";

/** The endpoint of an exporter. */
export function metricsEndpoint(exporter: MetricsExporter): Endpoint {
  return {
    method: "GET",
    paths: [METRICS_PATH],
    doc: {
      tag: "system",
      summary: "Figures for Prometheus, in its text format",
      description: "Needs no token, and shows the ids of active streams.",
      answers: { 200: { description: "The figures.", contentType: PROMETHEUS_CONTENT_TYPE } },
    },
    handler: () => metricsResponse(exporter),
  };
}

function scrapeOf(figures: ServerFigures): Scrape {
  const streams = seriesOf(figures.streams);
  const totals = streams.reduce(
    (sum, { counts }) => addCounts(sum, counts),
    figures.ledger.past,
  );
  return { figures, streams, totals };
}

function seriesOf(streams: ServerFigures["streams"]): StreamSeries[] {
  const taken = new Set<string>();
  return streams.map((figures) => {
    const label = freeLabel(labelOf(figures.id), taken);
    taken.add(label);
    const { metrics, details: { latency } } = figures;
    const counts = { counters: countersOf(metrics), latency };
    return { label, figures, counts };
  });
}

/** Control characters of an id would be the same in the output: two of a kind void a whole scrape. */
function labelOf(id: string): string {
  // deno-lint-ignore no-control-regex -- they are what is looked for
  return id.toWellFormed().replaceAll(/[\x00-\x1f\x7f]/g, "\ufffd");
}

function freeLabel(label: string, taken: ReadonlySet<string>): string {
  let free = label;
  for (let count = 2; taken.has(free); count++) free = `${label} (${count})`;
  return free;
}
