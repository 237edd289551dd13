/** An orchestrator as workers meet it: its registry of capabilities and runners, over real HTTP. */

import type { RegisteredWorker } from "../../src/livepeer/mod.ts";

export const SECRET = "orchestrator-secret-4711";

/** A request that came. */
export interface SeenRequest {
  readonly path: string;
  readonly authorization: string | null;
  readonly body: string;
  /** The body, where it is JSON. */
  readonly json: Record<string, unknown>;
}

/** Answers requests of one kind before the orchestrator does. */
export type Answerer = (request: SeenRequest) => Response | Promise<Response> | undefined;

/** Options of a {@linkcode FakeOrchestrator}. */
export interface OrchestratorOptions {
  readonly port?: number;
  /** Certificate and key in PEM: it is reached by https. @default http */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Keeps what registers with it, until it restarts. */
export class FakeOrchestrator implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  /** Capabilities by name, as they were registered. */
  readonly capabilities = new Map<string, Record<string, unknown>>();
  /** Secrets of runners by id. */
  readonly runners = new Map<string, string>();
  /** What heartbeats are answered as `session_ids`; undefined leaves them as the runner said. */
  sessionIds: readonly string[] | undefined;
  /** URL of the channel to runners. */
  o2rUrl: string | undefined;
  heartbeatInterval = "5s";
  /** Asked first. */
  answer: Answerer = () => undefined;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #scheme: string;
  #runnerCount = 0;

  constructor(options: OrchestratorOptions = {}) {
    const { port = 0, tls } = options;
    this.#scheme = tls === undefined ? "http" : "https";
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port, onListen: () => {}, ...tls },
      (request) => this.#take(request),
    );
  }

  get port(): number {
    return this.#server.addr.port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** The requests to a path so far. */
  to(path: string): SeenRequest[] {
    return this.requests.filter((request) => request.path === path);
  }

  /** Forgets everything, as a process does that starts anew. */
  restart(): void {
    this.capabilities.clear();
    this.runners.clear();
  }

  /** Lets so much happen that a request sent before has come: a few whole ones one after the other. */
  async passRequests(): Promise<void> {
    for (let i = 0; i < 5; i++) await (await fetch(`${this.url}/meanwhile`)).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const body = await request.text();
    const seen: SeenRequest = {
      path: new URL(request.url).pathname,
      authorization: request.headers.get("authorization"),
      body,
      json: toJson(body),
    };
    this.requests.push(seen);
    return await this.answer(seen) ?? this.#answer(seen);
  }

  #answer(request: SeenRequest): Response {
    switch (request.path) {
      case "/capability/register":
        if (request.authorization !== SECRET) {
          return new Response("invalid secret", { status: 400 });
        }
        this.capabilities.set(String(request.json["name"]), request.json);
        return new Response("ok");
      case "/capability/unregister":
        if (request.authorization !== SECRET) {
          return new Response("invalid secret", { status: 400 });
        }
        this.capabilities.delete(request.body);
        return new Response("ok");
      case "/runners/heartbeat":
        return this.#heartbeat(request);
    }
    const runner = /^\/runners\/([^/]+)\/unregister$/.exec(request.path)?.[1];
    if (runner === undefined || this.runners.get(runner) !== request.authorization) {
      return new Response("no such runner", { status: 404 });
    }
    this.runners.delete(runner);
    return new Response("ok");
  }

  #heartbeat({ authorization, json }: SeenRequest): Response {
    const id = json["runner_id"] as string | undefined;
    if (id === undefined) {
      if (authorization !== SECRET) return new Response("invalid secret", { status: 401 });
      const runner = `runner-${this.#runnerCount++}`;
      const secret = `heartbeat-secret-of-${runner}`;
      this.runners.set(runner, secret);
      return Response.json({ ...this.#answerBody(runner, json), heartbeat_secret: secret });
    }
    if (!this.runners.has(id)) return new Response("no such runner", { status: 404 });
    if (this.runners.get(id) !== authorization) return new Response("wrong", { status: 401 });
    return Response.json(this.#answerBody(id, json));
  }

  #answerBody(runner: string, json: Record<string, unknown>): Record<string, unknown> {
    return {
      runner_id: runner,
      orchestrator: this.url,
      heartbeat_interval: this.heartbeatInterval,
      heartbeat_ttl: "15s",
      session_ids: this.sessionIds ?? json["session_ids"],
      ...(this.o2rUrl === undefined ? {} : {
        o2r: {
          name: "o2r",
          channel_name: "o2r",
          url: this.o2rUrl,
          internal_url: this.o2rUrl,
          mime_type: "application/json",
        },
      }),
    };
  }
}

function toJson(body: string): Record<string, unknown> {
  try {
    return JSON.parse(body);
  } catch {
    return {}; // such as the bare name of a capability
  }
}

/** A worker that a test makes ready and busy. */
export class FakeWorker implements RegisteredWorker {
  readonly capacity = 3;
  readonly streams: string[] = [];
  readonly stopped: string[] = [];
  readonly ready = Promise.withResolvers<void>();

  constructor({ isReady = true } = {}) {
    if (isReady) this.ready.resolve();
  }

  async whenReady(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await Promise.race([this.ready.promise, aborted]);
  }

  activeStreamIds(): readonly string[] {
    return [...this.streams];
  }

  sessionIds(): readonly string[] {
    return [...this.streams];
  }

  stopStream(id: string): Promise<void> {
    this.stopped.push(id);
    this.streams.splice(this.streams.indexOf(id), 1);
    return Promise.resolve();
  }
}
