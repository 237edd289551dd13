/**
 * From a request to its answer: TRICKLE.md section 5.
 *
 * @module
 */

import { clientOf } from "../../base/net/connection_limits.ts";
import type { PageRules } from "../../base/net/page_guard.ts";
import type { AccessGuard } from "./access.ts";
import { type ChannelRegistry, isReservedName } from "./channel_registry.ts";
import type { Channel } from "./channel.ts";
import type { TrickleLimits } from "./limits.ts";
import type { ClientRequests } from "./client_requests.ts";
import type { ClientId } from "./memory_pool.ts";
import {
  parseDeleteIndex,
  parseReadIndex,
  parseTrickleTarget,
  parseWriteIndex,
  type TrickleRoute,
} from "./paths.ts";
import { readSegment } from "./read_segment.ts";
import {
  accessRefusal,
  closedHeaders,
  errorResponse,
  pageRefusal,
  unreadBodyResponse,
} from "./responses.ts";
import type { TrickleRight } from "./rights.ts";
import { type ActivePosts, writeSegment } from "./write_segment.ts";
import { EXPECT_CONTENT_HEADER, INDEX_NEXT, LATEST_HEADER, MAX_INDEX } from "../protocol.ts";

/** Longest media type: channels keep theirs, and no limit on memory counts it. */
const MAX_MIME_LENGTH = 256;

/** What the requests of one server share. */
export interface HandlerContext {
  readonly registry: ChannelRegistry;
  readonly posts: ActivePosts;
  readonly requests: ClientRequests;
  readonly limits: TrickleLimits;
  readonly basePath: string;
  readonly autocreate: boolean;
  /** Which web pages may publish, create and delete. */
  readonly pages: PageRules;
  /** Undefined: everybody may do everything. */
  readonly access: AccessGuard | undefined;
}

/** Who sent a request: the program itself, or somebody at an address, which may be unknown. */
export type Caller =
  | { readonly kind: "program" }
  | {
    readonly kind: "remote";
    readonly address: string | undefined;
    /** Whether the answer goes out by `Deno.serve`, which takes hold of each piece before the next. */
    readonly isServed: boolean;
  };

/** What one request is answered with. */
interface RequestContext extends HandlerContext {
  /** Whose limits count. */
  readonly client: ClientId;
  /** Whether pieces of an answer may be kept by who reads it. */
  readonly keepsPieces: boolean;
}

/** Answers one request. A body that is not wanted is given up, so that the runtime drains it. */
export async function handleTrickleRequest(
  request: Request,
  caller: Caller,
  context: HandlerContext,
): Promise<Response> {
  const response = await route(request, caller, context);
  // No cache in between may give it to somebody else.
  if (context.access !== undefined) response.headers.set("Cache-Control", "no-store");
  if (request.body !== null && !request.bodyUsed) await request.body.cancel();
  return response;
}

function route(
  request: Request,
  caller: Caller,
  context: HandlerContext,
): Promise<Response> | Response {
  const refusal = pageRefusal(request, context.pages);
  if (refusal !== undefined) return refusal;
  const { route: found, query } = parseTrickleTarget(new URL(request.url), context.basePath);
  if (found.kind === "none") return errorResponse(404, "404 page not found");
  if (found.kind === "malformed") return errorResponse(400, "Malformed path");
  const admitted = admit(request, { found, query, caller, access: context.access });
  if (admitted instanceof Response) return admitted;
  const keepsPieces = caller.kind === "program" || !caller.isServed;
  const admittedContext = { ...context, client: admitted.client, keepsPieces };
  return found.kind === "channel"
    ? handleChannel(request, found.name, admittedContext)
    : handleSegment(request, found, admittedContext);
}

type NamedRoute = Extract<TrickleRoute, { kind: "channel" | "segment" }>;

/** Whose request it is, or the answer to somebody who may not send it. */
function admit(
  request: Request,
  { found, query, caller, access }: {
    readonly found: NamedRoute;
    readonly query: URLSearchParams;
    readonly caller: Caller;
    readonly access: AccessGuard | undefined;
  },
): { readonly client: ClientId } | Response {
  if (caller.kind === "program") return { client: undefined };
  if (access === undefined) {
    return { client: caller.address === undefined ? undefined : clientOf(caller.address) };
  }
  const anyOf = rightsFor(request, found);
  const admission = access.admit(request.headers, { name: found.name, anyOf, query });
  return admission.kind === "admitted" ? admission : accessRefusal(request, admission);
}

/** The rights of which a request needs one. */
function rightsFor({ method }: Request, found: NamedRoute): readonly TrickleRight[] {
  if (method !== "GET" && method !== "HEAD") return ["publish"];
  const isNext = found.kind === "segment" && found.index === "next";
  return isNext ? ["read", "publish"] : ["read"];
}

function handleChannel(request: Request, name: string, context: RequestContext): Response {
  switch (request.method) {
    case "POST":
      return createChannel(request, name, context);
    case "DELETE":
      return deleteChannel(name, context);
    default:
      return methodNotAllowed("DELETE, POST");
  }
}

type SegmentRoute = Extract<TrickleRoute, { kind: "segment" }>;

function handleSegment(
  request: Request,
  found: SegmentRoute,
  context: RequestContext,
): Promise<Response> | Response {
  switch (request.method) {
    case "GET":
    case "HEAD":
      return read(request, found, context);
    case "POST":
      return write(request, found, context);
    case "DELETE":
      return deleteSegment(found, context);
    default:
      return methodNotAllowed("DELETE, GET, HEAD, POST");
  }
}

function createChannel(request: Request, name: string, context: RequestContext): Response {
  if (isReservedName(name)) return reservedResponse();
  const mime = request.headers.get(EXPECT_CONTENT_HEADER) ?? "";
  const channel = findOrCreate(name, mime, context);
  return channel instanceof Response ? channel : new Response(null);
}

function deleteChannel(name: string, context: HandlerContext): Response {
  if (isReservedName(name)) return reservedResponse();
  if (context.registry.get(name) === undefined) return errorResponse(400, "Invalid stream");
  context.registry.close([name]);
  return new Response(null);
}

function read(
  request: Request,
  found: SegmentRoute,
  context: RequestContext,
): Promise<Response> | Response {
  const channel = context.registry.get(found.name);
  if (found.index === "next") return nextIndex(channel, context);
  if (channel === undefined) return errorResponse(404, "Stream not found");
  const requested = parseReadIndex(found.index);
  if (requested === undefined) return errorResponse(400, "Invalid idx");
  const lease = context.requests.begin(context.client, "read");
  if (lease === undefined) return tooManyRequests(context);
  return readSegment(request, { channel, requested, keepsPieces: context.keepsPieces }, lease);
}

function nextIndex(channel: Channel | undefined, context: HandlerContext): Response {
  if (channel === undefined) {
    // Q14: tells a publisher to begin at 0, where its POST is going to create the channel.
    const headers = context.autocreate ? { [LATEST_HEADER]: "0" } : {};
    return errorResponse(404, "Stream not found", headers);
  }
  return new Response(String(channel.next), {
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      [LATEST_HEADER]: String(channel.next),
      ...closedHeaders(channel),
    },
  });
}

function write(
  request: Request,
  found: SegmentRoute,
  context: RequestContext,
): Promise<Response> | Response {
  if (isReservedName(found.name)) return reservedResponse();
  if (!context.autocreate && context.registry.get(found.name) === undefined) {
    return unreadBodyResponse(404, "Stream not found");
  }
  const requested = parseWriteIndex(found.index);
  if (requested === undefined) return unreadBodyResponse(400, "Invalid idx"); // Q12
  const mime = request.headers.get("Content-Type") ?? "";
  const channel = findOrCreate(found.name, mime, context);
  if (channel instanceof Response) return channel;
  if (requested === INDEX_NEXT && channel.next > MAX_INDEX) {
    return unreadBodyResponse(
      400,
      `Cannot write after segment ${MAX_INDEX}, the last one: delete the channel and begin anew`,
    );
  }
  const { client, posts, requests } = context;
  const lease = requests.begin(client, "write");
  if (lease === undefined) return tooManyRequests(context);
  return writeSegment(request, { channel, requested, client }, posts).finally(() => lease.end());
}

function deleteSegment(found: SegmentRoute, context: HandlerContext): Response {
  if (isReservedName(found.name)) return reservedResponse();
  const channel = context.registry.get(found.name);
  if (channel === undefined) return errorResponse(404, "Stream not found");
  const index = parseDeleteIndex(found.index);
  if (index === undefined) return errorResponse(400, "Invalid idx");
  if (!channel.deleteSegment(index)) return errorResponse(400, "Nonexistent segment");
  return new Response(null);
}

/** The channel, created if need be, or the answer that says why there is none. */
function findOrCreate(name: string, mime: string, context: RequestContext): Channel | Response {
  const { registry, limits, autocreate, client } = context;
  const existing = registry.get(name);
  if (existing !== undefined) return existing;
  if (!autocreate) return unreadBodyResponse(404, "Stream not found");
  if (name.length > limits.maxNameLength) {
    return unreadBodyResponse(
      400,
      `Cannot create a channel with a name of ${name.length} characters: ` +
        `use up to ${limits.maxNameLength}`,
    );
  }
  if (mime.length > MAX_MIME_LENGTH) {
    return unreadBodyResponse(
      400,
      `Cannot create a channel with a media type of ${mime.length} characters: ` +
        `use up to ${MAX_MIME_LENGTH}`,
    );
  }
  if (registry.full) {
    return unreadBodyResponse(
      429,
      `Cannot create a channel: there are ${limits.maxChannels} already; delete some`,
    );
  }
  if (registry.isFullFor(client)) {
    return unreadBodyResponse(
      429,
      `Cannot create a channel: you have ${limits.maxChannelsPerClient} already; delete some`,
    );
  }
  return registry.create(name, mime, client);
}

function tooManyRequests({ limits }: RequestContext): Response {
  return unreadBodyResponse(
    429,
    `Cannot answer: you have ${limits.maxRequestsPerClient} such requests already; end some`,
  );
}

function methodNotAllowed(allow: string): Response {
  return errorResponse(405, "Method Not Allowed", { "Allow": allow });
}

function reservedResponse(): Response {
  return unreadBodyResponse(403, 'Names that begin with "_" belong to the server');
}
