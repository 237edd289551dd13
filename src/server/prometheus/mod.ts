/**
 * Metrics for Prometheus: pure functions from the figures of a worker to text.
 *
 * @module
 */

export { FAMILIES } from "./families.ts";
export {
  METRICS_PATH,
  metricsEndpoint,
  MetricsExporter,
  metricsResponse,
} from "./metrics_exporter.ts";
export type { ProcessFigures, ServerFigures, StreamFigures } from "./server_figures.ts";
