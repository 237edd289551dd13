/**
 * The four stream endpoints and `/health`: specs/LIVEPEER.md section 2. HTTP ends here; what a
 * start or a stop does is the {@linkcode StreamRegistry}'s business.
 *
 * @module
 */

import {
  ConfigError,
  describeError,
  ProcessorError,
  roomLogger,
  withoutCredentials,
} from "../base/mod.ts";
import { discardBody, readJsonBody } from "./json_body.ts";
import { currentStateOf, healthOf, statusOf } from "./pipeline_status.ts";
import { type ErrorStatus, failure, success } from "./responses.ts";
import type { Endpoint } from "./route_table.ts";
import { type Validated, validateParams, validateStart } from "./schemas.ts";
import type { StreamRegistry } from "./stream_registry.ts";
import { STREAM_ROUTES } from "./stream_routes.ts";

const log = roomLogger("server");

/** The endpoints of a registry of streams. */
export function streamEndpoints(registry: StreamRegistry): Endpoint[] {
  const endpoints = new StreamEndpoints(registry);
  return [
    { ...STREAM_ROUTES.start, handler: (request) => endpoints.start(request) },
    { ...STREAM_ROUTES.params, handler: (request) => endpoints.updateParams(request) },
    { ...STREAM_ROUTES.stop, handler: (request) => endpoints.stop(request) },
    { ...STREAM_ROUTES.status, handler: () => Response.json(statusOf(registry.snapshot())) },
    {
      ...STREAM_ROUTES.health,
      handler: () => Response.json({ status: healthOf(registry.snapshot()) }),
    },
  ];
}

class StreamEndpoints {
  readonly #registry: StreamRegistry;

  constructor(registry: StreamRegistry) {
    this.#registry = registry;
  }

  async start(request: Request): Promise<Response> {
    const checked = await this.#read(request, "start the stream", validateStart);
    if (checked instanceof Response) return checked;
    const id = checked.gateway_request_id;
    const refusal = this.#registry.refusal();
    if (refusal !== undefined) return this.#fail(503, `Cannot start stream ${id}: ${refusal}`);
    try {
      await this.#registry.start(checked);
    } catch (error) {
      return this.#failWith(error, `start stream ${id}`);
    }
    return this.#succeed(id, "Stream started");
  }

  async updateParams(request: Request): Promise<Response> {
    const checked = await this.#read(request, "update the parameters", validateParams);
    if (checked instanceof Response) return checked;
    const stream = this.#registry.active;
    if (stream === undefined) return this.#fail(400, "No active stream to update");
    try {
      await stream.updateParams(checked);
    } catch (error) {
      return this.#failWith(error, `update the parameters of stream ${stream.id}`);
    }
    return this.#succeed(stream.id, "Parameters updated");
  }

  async stop(request: Request): Promise<Response> {
    await discardBody(request);
    const stream = this.#registry.active;
    if (stream === undefined) return this.#fail(400, "No active stream to stop");
    await stream.stop();
    return this.#succeed(stream.id, "Stream stopped");
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
      current_state: currentStateOf(this.#registry.snapshot()),
    });
  }

  #fail(status: ErrorStatus, message: string): Response {
    return failure(status, message, currentStateOf(this.#registry.snapshot()));
  }

  /** The caller's mistake is a 400; anything else is ours. */
  #failWith(error: unknown, doing: string): Response {
    const isCallers = error instanceof ConfigError || error instanceof ProcessorError;
    const reason = describeError(error);
    if (!isCallers) {
      log.error("Cannot {doing}: {reason}", { doing, reason: withoutCredentials(reason) });
    }
    const message = reason.startsWith("Cannot ") ? reason : `Cannot ${doing}: ${reason}`;
    return this.#fail(isCallers ? 400 : 500, message);
  }
}
