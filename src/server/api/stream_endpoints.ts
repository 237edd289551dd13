/**
 * The four stream endpoints and `/health`: specs/LIVEPEER.md section 2. HTTP ends here; what a
 * start or a stop does is the {@linkcode StreamWorker}'s business.
 *
 * @module
 */

import {
  ConfigError,
  describeError,
  ProcessorError,
  roomLogger,
  type UrlPolicy,
  withoutCredentials,
} from "../../base/mod.ts";
import {
  type Stream,
  StreamRefused,
  type StreamRequest,
  type StreamWorker,
  type Validated,
  validateParams,
} from "../../worker/mod.ts";
import { readJsonBody } from "../http/json_body.ts";
import { currentStateOf, healthOf, statusOf } from "./pipeline_status.ts";
import { type ErrorStatus, failure, success } from "../http/responses.ts";
import type { Endpoint } from "../http/route_table.ts";
import { type StartRequest, validateStart } from "./schemas.ts";
import {
  SESSION_ID_HEADER,
  STREAM_ID_HEADER,
  streamIdsOf,
  withoutStreamIds,
} from "./stream_ids.ts";
import { STREAM_ROUTES } from "./stream_routes.ts";

const log = roomLogger("server");

/** The URLs of a start request. */
const URL_FIELDS = [
  "subscribe_url",
  "publish_url",
  "control_url",
  "events_url",
  "data_url",
] as const;

/** What the endpoints of streams work with. */
export interface StreamEndpointsOptions {
  /** Where the URLs of streams may lead. */
  readonly urls: UrlPolicy;
}

/** The endpoints of a worker's streams. */
export function streamEndpoints(
  worker: StreamWorker,
  options: StreamEndpointsOptions,
): Endpoint[] {
  const endpoints = new StreamEndpoints(worker, options);
  return [
    { ...STREAM_ROUTES.start, handler: (request) => endpoints.start(request) },
    { ...STREAM_ROUTES.params, handler: (request) => endpoints.updateParams(request) },
    { ...STREAM_ROUTES.stop, handler: (request) => endpoints.stop(request) },
    { ...STREAM_ROUTES.status, handler: (request) => endpoints.status(request) },
    {
      ...STREAM_ROUTES.health,
      handler: () => Response.json({ status: healthOf(worker.snapshot()) }),
    },
  ];
}

class StreamEndpoints {
  readonly #worker: StreamWorker;
  readonly #urls: UrlPolicy;

  constructor(worker: StreamWorker, { urls }: StreamEndpointsOptions) {
    this.#worker = worker;
    this.#urls = urls;
  }

  async start(request: Request): Promise<Response> {
    const checked = await this.#read(request, "start the stream", validateStart);
    if (checked instanceof Response) {
      this.#worker.reject("invalid");
      return checked;
    }
    const id = checked.gateway_request_id;
    const forbidden = await this.#forbiddenUrl(checked);
    if (forbidden !== undefined) {
      this.#worker.reject("invalid");
      const reason = `${forbidden} leads to a host that streams of this worker may not use`;
      return this.#fail(400, `Cannot start stream ${id}: ${reason}`);
    }
    const aliases = streamIdsOf(request, checked).filter((name) => name !== id);
    const sessionId = request.headers.get(SESSION_ID_HEADER) ?? undefined;
    try {
      await this.#worker.start(streamRequest(checked, { aliases, sessionId }));
    } catch (error) {
      if (!(error instanceof StreamRefused)) return this.#failWith(error, `start stream ${id}`, id);
      const status = error.reason === "invalid" ? 409 : 503;
      return this.#fail(status, `Cannot start stream ${id}: ${error.message}`);
    }
    return this.#succeed(id, "Stream started");
  }

  async updateParams(request: Request): Promise<Response> {
    let ids: string[] = [];
    const checked = await this.#read(request, "update the parameters", (body) => {
      ids = streamIdsOf(request, body);
      return validateParams(withoutStreamIds(body));
    });
    if (checked instanceof Response) return checked;
    const stream = this.#find(ids, "update");
    if (stream instanceof Response) return stream;
    try {
      await stream.session.updateParams(checked);
    } catch (error) {
      return this.#failWith(error, `update the parameters of stream ${stream.id}`, stream.id);
    }
    return this.#succeed(stream.id, "Parameters updated");
  }

  /** Any body is taken: the gateway sends a reason in plain text, or nothing. */
  async stop(request: Request): Promise<Response> {
    const ids = await this.#idsToStop(request);
    const stream = this.#find(ids, "stop");
    if (stream instanceof Response) return stream;
    await stream.stop();
    return this.#succeed(stream.id, "Stream stopped");
  }

  /** The first field whose URL may not be asked. */
  async #forbiddenUrl(request: StartRequest): Promise<string | undefined> {
    const allowed = await Promise.all(URL_FIELDS.map((field) => {
      const url = request[field];
      return url === undefined || this.#urls.allows(url);
    }));
    return URL_FIELDS.find((_, index) => allowed[index] === false);
  }

  /** A body is only looked at where nothing else may say which of several streams is meant. */
  async #idsToStop(request: Request): Promise<string[]> {
    const ids = streamIdsOf(request);
    if (ids.length > 0 || this.#worker.capacity === 1) return ids;
    const body = await readJsonBody(request, { anyType: true });
    return streamIdsOf(request, body.ok ? body.value : undefined);
  }

  status(request: Request): Response {
    const ids = streamIdsOf(request);
    const snapshot = this.#worker.snapshot();
    if (ids.length === 0) return Response.json(statusOf(snapshot));
    const selection = this.#worker.select(ids);
    if (selection.kind === "one") return Response.json(statusOf(snapshot, selection.stream));
    if (this.#worker.capacity === 1) return Response.json(statusOf(snapshot));
    return this.#fail(404, `Cannot find stream ${ids[0]}: it is not active`);
  }

  /** The stream that a request means, or the answer that says why there is none. */
  #find(ids: readonly string[], verb: "stop" | "update"): Stream | Response {
    const selection = this.#worker.select(ids, { opening: verb === "stop" });
    switch (selection.kind) {
      case "one":
        return selection.stream;
      case "none":
        return this.#fail(400, `No active stream to ${verb}`);
      case "ambiguous": {
        const streams = selection.ids.join(", ");
        const message = `Cannot ${verb}: several streams are active (${streams}); ` +
          `name one in the header ${STREAM_ID_HEADER}`;
        return this.#fail(409, message);
      }
    }
  }

  /** Reads and checks a body, or gives the answer that refuses it. `doing` says what it was for. */
  async #read<T>(
    request: Request,
    doing: string,
    validate: (body: unknown) => Validated<T>,
  ): Promise<T | Response> {
    const body = await readJsonBody(request);
    if (!body.ok) return this.#fail(body.status, `Cannot ${doing}: ${body.problem}`);
    const checked = validate(body.value);
    if (!checked.ok) return this.#fail(400, `Cannot ${doing}: ${checked.problem}`);
    return checked.value;
  }

  #succeed(requestId: string, message: string): Response {
    return success({
      message,
      request_id: requestId,
      current_state: currentStateOf(this.#worker.snapshot()),
    });
  }

  #fail(status: ErrorStatus, message: string): Response {
    return failure(status, message, currentStateOf(this.#worker.snapshot()));
  }

  /** The caller's mistake is a 400; anything else is ours. */
  #failWith(error: unknown, doing: string, stream?: string): Response {
    const isCallers = error instanceof ConfigError || error instanceof ProcessorError;
    const reason = describeError(error);
    if (!isCallers) {
      log.error("Cannot {doing}: {reason}", {
        doing,
        reason: withoutCredentials(reason),
        ...(stream === undefined ? {} : { stream }),
      });
    }
    const message = reason.startsWith("Cannot ") ? reason : `Cannot ${doing}: ${reason}`;
    return this.#fail(isCallers ? 400 : 500, message);
  }
}

function streamRequest(
  request: StartRequest,
  names: { readonly aliases: readonly string[]; readonly sessionId: string | undefined },
): StreamRequest {
  return {
    id: request.gateway_request_id,
    ...names,
    subscribeUrl: request.subscribe_url,
    publishUrl: request.publish_url,
    controlUrl: request.control_url,
    eventsUrl: request.events_url,
    dataUrl: request.data_url,
    params: request.params,
  };
}
