/**
 * What a worker says of itself: versions, hardware, and whether it lives and is ready.
 * specs/LIVEPEER.md section 2.
 *
 * @module
 */

import { withoutCredentials } from "../../base/mod.ts";
import {
  appVersionBody,
  hardwareInfoBody,
  hardwareStatsBody,
  probeBody,
  versionBody,
} from "./answer_schemas.ts";
import type { HardwareMonitor } from "./hardware.ts";
import type { EndpointDoc } from "../openapi/endpoint_doc.ts";
import type { Endpoint, HttpHandler } from "../http/route_table.ts";
import type { HostState } from "../../worker/mod.ts";

/** Names and versions of a worker. */
export interface WorkerIdentity {
  readonly pipeline: string;
  readonly modelId: string;
  /** Version of Runnel. */
  readonly version: string;
  /** Version of the application. */
  readonly appVersion: string;
}

/** What {@linkcode systemEndpoints} asks. */
export interface SystemSources {
  readonly identity: WorkerIdentity;
  readonly hardware: HardwareMonitor;
  /** How far the processor's initialization is. */
  pipeline(): HostState;
  /** Whether the server is stopping. */
  stopping(): boolean;
}

/** The endpoints that tell of the worker and change nothing. */
export function systemEndpoints(sources: SystemSources): Endpoint[] {
  const { pipeline, modelId, version, appVersion } = sources.identity;
  const identity = { pipeline, model_id: modelId };
  const { hardware } = sources;
  return [
    get("/version", VERSION_DOC, () => Response.json({ ...identity, version })),
    get("/app-version", APP_VERSION_DOC, () => Response.json({ version: appVersion })),
    get(
      "/hardware/info",
      INFO_DOC,
      async () => Response.json({ ...identity, gpu_info: await hardware.info() }),
    ),
    get(
      "/hardware/stats",
      STATS_DOC,
      async () => Response.json({ ...identity, gpu_stats: await hardware.stats() }),
    ),
    get("/livez", LIVE_DOC, () => Response.json({ status: "ok" })),
    get("/readyz", READY_DOC, () => readiness(sources)),
  ];
}

function readiness({ stopping, pipeline }: SystemSources): Response {
  if (stopping()) return notReady("stopping", "the server is stopping");
  const state = pipeline();
  switch (state.kind) {
    case "loading":
      return notReady("loading", "the processor is still initializing");
    case "failed":
      return notReady("failed", `the processor failed to initialize: ${state.reason}`);
    case "ready":
      return Response.json({ status: "ok" });
  }
}

function notReady(status: string, reason: string): Response {
  return Response.json({ status, reason: withoutCredentials(reason) }, { status: 503 });
}

function get(path: string, doc: EndpointDoc, handler: HttpHandler): Endpoint {
  return { method: "GET", paths: [path], handler, doc: { tag: "system", ...doc } };
}

const VERSION_DOC: EndpointDoc = {
  summary: "Pipeline, model and version of Runnel",
  answers: { 200: { description: "The versions.", schema: versionBody } },
};

const APP_VERSION_DOC: EndpointDoc = {
  summary: "Version of the application",
  answers: { 200: { description: "The version.", schema: appVersionBody } },
};

const INFO_DOC: EndpointDoc = {
  summary: "The GPUs of the machine",
  answers: { 200: { description: "What nvidia-smi says.", schema: hardwareInfoBody } },
};

const STATS_DOC: EndpointDoc = {
  summary: "How busy the GPUs are",
  answers: { 200: { description: "What nvidia-smi says.", schema: hardwareStatsBody } },
};

const LIVE_DOC: EndpointDoc = {
  summary: "Whether the process answers",
  description: "For a liveness probe: restart the worker when this does not answer.",
  answers: { 200: { description: "It does.", schema: probeBody } },
};

const READY_DOC: EndpointDoc = {
  summary: "Whether a stream can start",
  description: "For a readiness probe. A worker whose slots are all taken stays ready.",
  answers: {
    200: { description: "It can.", schema: probeBody },
    503: { description: "Loading, failed or stopping.", schema: probeBody },
  },
};
