/**
 * The JSON answers of the stream endpoints: specs/LIVEPEER.md section 2.
 *
 * @module
 */

import { withoutCredentials } from "../../base/mod.ts";
import type { CurrentState } from "../api/pipeline_status.ts";

/** Body of a start, params or stop that worked. */
export interface SuccessBody {
  readonly status: "success";
  readonly message: string;
  /** `gateway_request_id` of the stream. */
  readonly request_id: string;
  readonly current_state: CurrentState;
}

/** Body of every answer that says no. */
export interface ErrorBody {
  readonly status: "error";
  /** What was wrong and what to do, in one line. */
  readonly message: string;
  /** The state that the request left behind; absent where no stream endpoint was asked. */
  readonly current_state?: CurrentState;
}

/** Status codes of an {@linkcode ErrorBody}. */
export type ErrorStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 409
  | 413
  | 415
  | 421
  | 500
  | 503
  | 504;

/** The answer to a request that worked. */
export function success(body: Omit<SuccessBody, "status">): Response {
  return Response.json({ status: "success", ...body } satisfies SuccessBody);
}

/** The answer to a request that did not; secrets of URLs in the message are left out. */
export function failure(status: ErrorStatus, message: string, state?: CurrentState): Response {
  const body: ErrorBody = {
    status: "error",
    message: withoutCredentials(message),
    ...(state === undefined ? {} : { current_state: state }),
  };
  return Response.json(body, { status });
}
