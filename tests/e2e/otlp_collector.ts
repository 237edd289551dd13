/** A collector for OpenTelemetry: takes OTLP over HTTP as JSON, and keeps what came. */

/** A name and a value, as OTLP writes them. */
interface KeyValue {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string | number;
    readonly doubleValue?: number;
    readonly boolValue?: boolean;
  };
}

/** Attributes by name. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

interface OtlpEvent {
  readonly name: string;
  readonly attributes?: readonly KeyValue[];
}

interface OtlpSpan extends OtlpEvent {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly events?: readonly OtlpEvent[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

interface OtlpPoint {
  readonly attributes?: readonly KeyValue[];
  readonly asInt?: string | number;
  readonly asDouble?: number;
  readonly count?: string | number;
  readonly sum?: number;
  readonly explicitBounds?: readonly number[];
}

interface OtlpMetric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: { readonly isMonotonic?: boolean; readonly dataPoints: readonly OtlpPoint[] };
  readonly histogram?: { readonly dataPoints: readonly OtlpPoint[] };
}

/** A span that arrived. */
export interface ReadSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  /** 2 is an error. */
  readonly status: { readonly code?: number; readonly message?: string };
}

/** A value of a metric; the last one that came for its attributes. */
export interface ReadPoint {
  readonly attributes: Attributes;
  /** The count of a histogram. */
  readonly value: number;
  readonly sum: number | undefined;
  readonly bounds: readonly number[] | undefined;
}

/** A metric that arrived. */
export interface ReadMetric {
  readonly unit: string;
  readonly points: ReadonlyMap<string, ReadPoint>;
}

/** Listens on a free port. */
export class OtlpCollector implements AsyncDisposable {
  readonly spans: ReadSpan[] = [];
  readonly metrics: Map<string, ReadMetric> = new Map();
  /** Everything that came, as text. */
  readonly bodies: string[] = [];
  readonly #http: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#http = Deno.serve(options, (request) => this.#take(request));
  }

  /** What makes Deno export to here. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#http.addr.port}`,
      OTEL_SERVICE_NAME: "runnel-test",
      OTEL_METRIC_EXPORT_INTERVAL: "500",
      OTEL_BSP_SCHEDULE_DELAY: "200",
    };
  }

  /** The spans of a name, in the order of their beginning. */
  named(name: string): ReadSpan[] {
    return this.spans.filter((span) => span.name === name)
      .sort((a, b) => Number(a.startNs - b.startNs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const text = await request.text();
    this.bodies.push(text);
    const body = JSON.parse(text);
    const path = new URL(request.url).pathname;
    if (path === "/v1/traces") this.#takeSpans(body.resourceSpans);
    if (path === "/v1/metrics") this.#takeMetrics(body.resourceMetrics);
    return Response.json({});
  }

  #takeSpans(
    resources: readonly { scopeSpans: readonly { spans: readonly OtlpSpan[] }[] }[],
  ): void {
    for (const span of resources.flatMap(({ scopeSpans }) => scopeSpans.flatMap((s) => s.spans))) {
      const { name, traceId, spanId, parentSpanId, status = {} } = span;
      this.spans.push({
        ...{ name, traceId, spanId, parentSpanId, status },
        startNs: BigInt(span.startTimeUnixNano),
        endNs: BigInt(span.endTimeUnixNano),
        attributes: readAttributes(span.attributes),
        events: (span.events ?? []).map(({ name, attributes }) => ({
          name,
          attributes: readAttributes(attributes),
        })),
      });
    }
  }

  #takeMetrics(
    resources: readonly { scopeMetrics: readonly { metrics: readonly OtlpMetric[] }[] }[],
  ): void {
    const all = resources.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((s) => s.metrics));
    for (const { name, unit, sum, histogram } of all) {
      const points = new Map<string, ReadPoint>();
      for (const point of (sum ?? histogram)?.dataPoints ?? []) {
        const attributes = readAttributes(point.attributes);
        points.set(Object.values(attributes).join(" "), {
          attributes,
          value: Number(point.asInt ?? point.asDouble ?? point.count),
          sum: point.sum,
          bounds: point.explicitBounds,
        });
      }
      this.metrics.set(name, { unit, points });
    }
  }
}

function readAttributes(attributes: readonly KeyValue[] = []): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [
    key,
    value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue),
  ]));
}
