/**
 * A metric: its name, and how it is read off the figures of a worker.
 *
 * @module
 */

import type { CountsByName, StreamCounts } from "../../session/mod.ts";
import type { ServerFigures } from "./server_figures.ts";
import type { FamilyHeader, Labels, Sample } from "./text_format.ts";

/** The counts of an active stream, under the value of its label. */
export interface StreamSeries {
  readonly label: string;
  readonly counts: StreamCounts;
  readonly figures: ServerFigures["streams"][number];
}

/** What metrics are read off: the figures, with what was worked out of them once. */
export interface Scrape {
  readonly figures: ServerFigures;
  /** All streams together, also those that are over. */
  readonly totals: StreamCounts;
  readonly streams: readonly StreamSeries[];
}

/** A metric and its values. */
export interface Family extends FamilyHeader {
  /** Names of its labels, without a histogram's `le`. */
  readonly labels: readonly string[];
  readonly samples: (scrape: Scrape) => Iterable<Sample>;
}

/** A metric of the worker as a whole. */
export interface WorkerMetric extends FamilyHeader {
  /** The label of values by name. @default none */
  readonly label?: string;
  /** A value, one for each name, or null where there is none. */
  readonly value: (figures: ServerFigures) => number | boolean | CountsByName | null | undefined;
}

/** The metric with its values. */
export function workerFamily({ label = "", value, ...header }: WorkerMetric): Family {
  return {
    ...header,
    labels: label === "" ? [] : [label],
    samples({ figures }) {
      const found = value(figures) ?? {};
      return typeof found === "object"
        ? byName(label, found)
        : [{ labels: {}, value: Number(found) }];
    },
  };
}

/** A value for each name. */
export function byName(label: string, counts: CountsByName, others: Labels = {}): Sample[] {
  return Object.entries(counts).map(([name, value]) => ({
    labels: { ...others, [label]: name },
    value,
  }));
}
