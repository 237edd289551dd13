/**
 * The figures that `demo` shows while it runs and when it ends.
 *
 * @module
 */

import type { StatusBody } from "../../server/mod.ts";
import { clock } from "./progress_bar.ts";

interface Latency {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly max: number | null;
}

/** What `demo --json` prints. */
export interface DemoReport {
  readonly frames_in: number;
  readonly frames_out: number;
  readonly frames_dropped: number;
  /** From the start of the stream to the first output byte; null when none came. */
  readonly time_to_first_frame_ms: number | null;
  /** From a frame's last input byte to its last output byte; null before the first such frame. */
  readonly latency_ms: Latency & {
    /** Of frames that waited for the start of the stream, which the others do not count. */
    readonly start: Latency;
  };
  readonly output_bytes: number;
  readonly errors: number;
}

/** The figures of a stream; `lostSegments` are output segments that the recording missed. */
export function reportOf({ metrics }: StatusBody, lostSegments: number): DemoReport {
  const { start, ...live } = metrics.latency_ms ?? {};
  return {
    frames_in: metrics.frames_in ?? 0,
    frames_out: metrics.frames_out ?? 0,
    frames_dropped: metrics.frames_dropped ?? 0,
    time_to_first_frame_ms: rounded(metrics.time_to_first_frame_ms ?? null),
    latency_ms: { ...latencyOf(live), start: latencyOf(start ?? {}) },
    output_bytes: metrics.output_bytes ?? 0,
    errors: (metrics.error_count ?? 0) + lostSegments,
  };
}

/** The report in one line. */
export function describeReport(report: DemoReport): string {
  const { frames_in, frames_out, frames_dropped, errors, output_bytes, latency_ms } = report;
  return `${frames_in} frames in, ${frames_out} out, ${frames_dropped} dropped, ` +
    `${errors} errors, ${output_bytes} bytes; first frame after ` +
    `${milliseconds(report.time_to_first_frame_ms)}, latency p50 ${
      milliseconds(latency_ms.p50)
    }, ` +
    `p95 ${milliseconds(latency_ms.p95)}, max ${milliseconds(latency_ms.max)} ` +
    `(at the start: ${milliseconds(latency_ms.start.max)})`;
}

/** The state of a running stream in one line. */
export function statusLine(status: StatusBody, elapsedSeconds: number): string {
  const { frames_in, frames_out, frames_dropped, errors, latency_ms } = reportOf(status, 0);
  const { ingress_video_fps, egress_video_fps } = status.fps;
  return `${clock(elapsedSeconds)}  in ${ingress_video_fps.toFixed(1)} fps (${frames_in})  ` +
    `out ${egress_video_fps.toFixed(1)} fps (${frames_out})  dropped ${frames_dropped}  ` +
    `latency ${milliseconds(latency_ms.p50)}, p95 ${milliseconds(latency_ms.p95)}  ` +
    `errors ${errors}`;
}

function latencyOf({ p50 = null, p95 = null, max = null }: Partial<Latency>): Latency {
  return { p50: rounded(p50), p95: rounded(p95), max: rounded(max) };
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 10) / 10;
}

function milliseconds(value: number | null): string {
  return value === null ? "-" : `${value} ms`;
}
