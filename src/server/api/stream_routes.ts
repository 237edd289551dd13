/**
 * The stream endpoints and `/health` as the document of the API describes them.
 *
 * @module
 */

import type { ZodType } from "zod";
import { errorBody, healthBody, statusBody, successBody } from "./answer_schemas.ts";
import type { AnswerDoc, EndpointDoc, ParameterDoc } from "../openapi/endpoint_doc.ts";
import type { Endpoint } from "../http/route_table.ts";
import { paramsBody, startBody } from "./schemas.ts";

const TAG = "streams";

const STREAM_ID: ParameterDoc = {
  name: "X-Stream-Id",
  in: "header",
  description: "Which stream is meant; not needed while exactly one is active.",
};

const LATE_BODY = refusal("The body did not arrive in time; close the connection.");

const PAGE: Readonly<Record<number, AnswerDoc>> = {
  403: refusal("A web page of another origin sent it."),
  421: refusal("A web page sent it that came from a host name which the worker does not know."),
};

const BAD_BODY: Readonly<Record<number, AnswerDoc>> = {
  408: LATE_BODY,
  413: refusal("The body is larger than 1 MiB; the connection closes."),
  415: refusal("The body is compressed, or not in UTF-8."),
  503: refusal("The bodies of all requests are too large together; see Retry-After."),
  ...PAGE,
};

function refusal(description: string): AnswerDoc {
  return { description, schema: errorBody };
}

function works(description: string, schema: ZodType): AnswerDoc {
  return { description, schema };
}

function secured(
  method: Endpoint["method"],
  paths: readonly string[],
  doc: EndpointDoc,
): Omit<Endpoint, "handler"> {
  return { method, paths, secured: true, doc: { tag: TAG, ...doc } };
}

/** The stream endpoints and `/health`, without their handlers. */
export const STREAM_ROUTES = {
  start: secured("POST", ["/api/stream/start", "/stream/start", "/live-video-to-video"], {
    summary: "Start a stream",
    description:
      "Answers as soon as the session is set up, before models warm up or input arrives. Keys that " +
      "are not named here are accepted; those of params are the processor's.",
    parameters: [STREAM_ID],
    request: startBody,
    example: {
      gateway_request_id: "first",
      subscribe_url: "http://127.0.0.1:2939/camera",
      publish_url: "http://127.0.0.1:2939/camera-out",
      params: { max_framerate: 24 },
    },
    answers: {
      200: works("The stream was started.", successBody),
      400: refusal("The body is no JSON object, or a field has a value that it cannot have."),
      ...BAD_BODY,
      409: refusal("A stream of this id is active."),
      503: refusal("Still initializing, failed to, stopping, or every slot is taken."),
    },
  }),
  params: secured("POST", ["/api/stream/params", "/stream/params"], {
    summary: "Change the parameters of a running stream",
    description: 'Takes the parameters themselves, or {"params": {...}}. Applied in order.',
    parameters: [STREAM_ID],
    request: paramsBody,
    example: { max_framerate: 15 },
    answers: {
      200: works("The parameters were changed.", successBody),
      400: refusal("No stream is active, or the parameters were refused."),
      409: refusal("Several streams are active and none was named."),
      ...BAD_BODY,
    },
  }),
  stop: secured("POST", ["/api/stream/stop", "/stream/stop"], {
    summary: "Stop a stream",
    description: "What is in flight is flushed, within two seconds. The body is ignored.",
    parameters: [STREAM_ID],
    answers: {
      200: works("The stream is over.", successBody),
      400: refusal("No stream is active."),
      408: LATE_BODY,
      409: refusal("Several streams are active and none was named."),
      ...PAGE,
    },
  }),
  status: secured("GET", ["/api/stream/status", "/stream/status"], {
    summary: "State and figures of the streams",
    parameters: [STREAM_ID],
    answers: {
      200: works("The state.", statusBody),
      404: refusal("The stream that was named is not active."),
    },
  }),
  health: {
    method: "GET",
    paths: ["/health"],
    doc: {
      tag: "system",
      summary: "Health, in one word",
      description: "LOADING, IDLE, OK (a stream is active) or ERROR; 200 as long as it can answer.",
      answers: { 200: works("The health.", healthBody) },
    },
  },
} as const satisfies Readonly<Record<string, Omit<Endpoint, "handler">>>;

/** All their paths. */
export const STREAM_PATHS: readonly string[] = Object.values(STREAM_ROUTES)
  .flatMap(({ paths }) => paths);
