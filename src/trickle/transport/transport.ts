/**
 * How requests reach a trickle server: the seam between the clients and HTTP.
 *
 * @module
 */

import { describeError, hostOf, type UrlPolicy } from "../../base/mod.ts";

/** One request. */
export interface TransportRequest {
  /** The method. */
  readonly method: "GET" | "POST" | "DELETE";
  /** The whole URL. */
  readonly url: string;
  /** Headers besides those that the transport sets by itself. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Sent piece by piece as it is read, its head before the first piece. Closing it ends the body
   * cleanly; erroring it cuts the request off without an end.
   */
  readonly body?: ReadableStream<Uint8Array>;
  /** Gives the request up, at any time until the response's body was read. */
  readonly signal: AbortSignal;
}

/** The answer to a request; it may come before the request's body has ended. */
export interface TransportResponse {
  /** The status, 470 included. */
  readonly status: number;
  /** The headers. */
  readonly headers: Headers;
  /** Must be read to its end or cancelled. Errors when the connection is lost before the end. */
  readonly body: ReadableStream<Uint8Array> | null;
}

/** A pool of connections of one publisher or subscriber. */
export interface Transport extends Disposable {
  /**
   * Sends a request. Rejects when no answer came, with a {@linkcode NotConnectedError} where it is
   * certain that nothing was sent.
   */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Makes the next request use a fresh connection; requests under way go on. */
  renew(): void;
}

/** No connection came about, so that not one byte of the request was sent. */
export class NotConnectedError extends Error {
  /** Creates the error. */
  constructor(cause: unknown) {
    super(`Cannot connect: ${describeError(cause)}`, { cause });
    this.name = "NotConnectedError";
  }
}

/** The server is another than the one that was asked for. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

/** Why a request was not sent: where its host leads to is not allowed. */
export class RefusedAddressError extends Error {
  override readonly name = "RefusedAddressError";

  /** Creates the error. */
  constructor(url: string, address: string) {
    const { host } = new URL(url);
    const where = hostOf(url) === address ? host : `${host} leads to ${address}, which`;
    super(`${where} is not where requests may lead; see allowUrls (--allow-urls)`);
  }
}

/**
 * What a failed request tells those who named its URL: errors go out in events and answers, and must not
 * say what there is in the network of a worker. The whole is for its log.
 */
export function tellFailure(error: unknown): string {
  if (!(error instanceof NotConnectedError)) return "the connection broke";
  const { cause } = error;
  return cause instanceof CertificateError ? cause.message : "it cannot be reached";
}

/** What an answer of an unexpected status tells those who named its URL. */
export function tellStatus(status: number): string {
  const answered = `the server answered ${status}`;
  if (status === 401) {
    return `${answered}: it wants a token or a signed URL, as in http://TOKEN@host/`;
  }
  if (status === 403) return `${answered}: the URL's token or signature does not allow it`;
  if (status === 429) return `${answered}: it takes no more`;
  return answered;
}

/** What a transport is wanted for. */
export interface TransportOptions {
  /** Whether it streams bodies up, with little delay. @default {false} */
  readonly uploads?: boolean;
  /** Where requests may lead. Each connection is held to it. @default {everywhere} */
  readonly urls?: UrlPolicy | undefined;
}

/** Cancels a body that nobody wants. A body that is broken already is as good as cancelled. */
export async function discardBody(response: TransportResponse): Promise<void> {
  await response.body?.cancel().catch(() => {});
}
