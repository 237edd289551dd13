/**
 * A worker that an orchestrator knows by its heartbeats: LIVEPEER.md section 5.
 *
 * @module
 */

import { z } from "zod";
import { ConfigError, describeError, roomLogger, type UrlPolicy } from "../base/mod.ts";
import { type Clock, systemClock, type TlsOptions } from "../trickle/mod.ts";
import { backoffMs } from "./backoff.ts";
import { withoutSecrets } from "./capability.ts";
import { parseGoDuration } from "./go_duration.ts";
import { describeAnswer, OrchestratorClient } from "./orchestrator_client.ts";
import type { RegisteredWorker, Registration, RegistrationStatus } from "./registration.ts";
import { RunnerChannel, type RunnerChannelEvent } from "./runner_channel.ts";
import { Waiter } from "./waiter.ts";

const log = roomLogger("livepeer");

/** Most bytes of the public metadata. */
const MAX_METADATA_BYTES = 1_024;
/** Where the orchestrator names no interval. */
const DEFAULT_INTERVAL_MS = 5_000;
/** Whatever the orchestrator names. */
const MIN_INTERVAL_MS = 500;
const MAX_INTERVAL_MS = 60_000;
/** The least time between a heartbeat and one that a 401 brings about. */
const MIN_WAKE_MS = 2_000;
/** How long taking the registration back may take. */
const UNREGISTER_TIMEOUT_MS = 3_000;

/** A price as live runners name it. */
export interface RunnerPrice {
  readonly price: number;
  /** @default {"usd"} */
  readonly currency?: string;
  /** @default {"hour"} */
  readonly unit?: "hour" | "720p" | "fixed";
}

/** Options of a {@linkcode LiveRunnerRegistration}. */
export interface LiveRunnerOptions {
  /** URL of the orchestrator. */
  readonly orchestratorUrl: string;
  /** The orchestrator's secret, for the first heartbeat. Never logged. */
  readonly orchestratorSecret: string;
  /** URL of the worker, as the orchestrator reaches it. */
  readonly runnerUrl: string;
  /** `pipeline/model`. */
  readonly app: string;
  readonly version?: string | undefined;
  /** Anything that clients may see; at most 1,024 bytes of JSON. @default none */
  readonly metadata?: unknown;
  /** @default {"persistent"} */
  readonly mode?: "persistent" | "single-shot" | undefined;
  readonly gpu?:
    | { readonly id: string; readonly name: string; readonly vram_mb: number }
    | undefined;
  /** Streams at once. @default that of the worker */
  readonly capacity?: number | undefined;
  /** @default {{ price: 0 }} */
  readonly price?: RunnerPrice | undefined;
  /** What is demanded of the orchestrator's certificate. @default {{ mode: "system" }} */
  readonly tls?: TlsOptions | undefined;
  /** Where requests may lead, to the channel that the orchestrator names, too. @default {everywhere} */
  readonly urls?: UrlPolicy | undefined;
  /** The time of heartbeats and of their answers. @default {systemClock} */
  readonly clock?: Clock | undefined;
  /** Takes what the orchestrator tells on its channel. */
  readonly onEvent?: (event: RunnerChannelEvent) => void;
}

const heartbeatAnswer = z.looseObject({
  runner_id: z.string().min(1),
  orchestrator: z.string().optional(),
  heartbeat_interval: z.string().optional(),
  heartbeat_ttl: z.string().optional(),
  heartbeat_secret: z.string().optional(),
  o2r: z.looseObject({
    url: z.string().optional(),
    internal_url: z.string().optional(),
  }).nullish(),
  session_ids: z.array(z.string()).nullish(),
});

type HeartbeatAnswer = z.output<typeof heartbeatAnswer>;

/**
 * Sends heartbeats, follows the orchestrator's channel, ends the streams that the orchestrator does not
 * know, and takes the runner back at the end.
 */
export class LiveRunnerRegistration implements Registration {
  readonly #options: LiveRunnerOptions;
  readonly #client: OrchestratorClient;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #waiter: Waiter;
  readonly #channel: RunnerChannel;
  #run: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #state: RegistrationStatus["state"] = "waiting";
  #registrations = 0;
  #failures = 0;
  #lastError: string | null = null;
  #runnerId: string | undefined;
  #secret: string | undefined;
  #intervalMs = DEFAULT_INTERVAL_MS;
  #lastBeatMs = -Infinity;
  #knownSessions: readonly string[] | undefined;
  /** Streams that are being ended because the orchestrator does not know them. */
  readonly #ends = new Map<string, Promise<void>>();

  /** Requests nothing before {@linkcode start}. Throws a `ConfigError` for metadata that is too large. */
  constructor(options: LiveRunnerOptions) {
    checkMetadata(options.metadata);
    this.#options = options;
    const { orchestratorUrl: url, tls, urls, clock = systemClock } = options;
    this.#client = new OrchestratorClient({ url, tls, urls, clock });
    this.#clock = clock;
    this.#waiter = new Waiter(clock, this.#stop.signal);
    this.#channel = new RunnerChannel({
      tls,
      urls,
      onEvent: (event) => options.onEvent?.(event),
    });
  }

  /** How it fares now. */
  get status(): RegistrationStatus {
    return {
      kind: "live-runner",
      state: this.#state,
      registrations: this.#registrations,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  /** The id that the orchestrator gave; undefined before it did. */
  get runnerId(): string | undefined {
    return this.#runnerId;
  }

  /** Begins, and returns at once. Throws a `TypeError` the second time. */
  start(worker: RegisteredWorker): void {
    if (this.#run !== undefined || this.#ending !== undefined) {
      throw new TypeError("Cannot start a registration twice: create another");
    }
    this.#run = this.#beat(worker);
  }

  /**
   * The next heartbeat comes at once: it says that the worker is there. Anybody can be answered 401, as
   * often as he asks: the last one must be a while ago.
   */
  unauthorized(): void {
    if (this.#clock.now() - this.#lastBeatMs >= MIN_WAKE_MS) this.#waiter.wake();
  }

  /** Takes the runner back, within 3 s. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async #beat(worker: RegisteredWorker): Promise<void> {
    const { signal } = this.#stop;
    await worker.whenReady(signal);
    for (let failures = 0; !signal.aborted;) {
      const outcome = await this.#sendHeartbeat(worker);
      if (signal.aborted || outcome === "refused") return;
      failures = outcome === "failed" ? failures + 1 : 0;
      if (outcome === "forgotten") continue;
      await this.#waiter.wait(failures > 0 ? backoffMs(failures) : this.#intervalMs);
    }
  }

  async #sendHeartbeat(
    worker: RegisteredWorker,
  ): Promise<"taken" | "forgotten" | "refused" | "failed"> {
    this.#lastBeatMs = this.#clock.now();
    const isFirst = this.#secret === undefined;
    if (isFirst) this.#state = "registering";
    const sent = worker.sessionIds();
    try {
      const answer = await this.#client.post({
        path: "/runners/heartbeat",
        headers: { Authorization: this.#secret ?? this.#options.orchestratorSecret },
        body: this.#heartbeat(worker, sent),
        signal: this.#stop.signal,
      });
      if (answer.status >= 200 && answer.status < 300) {
        this.#take(heartbeatAnswer.parse(parseJson(answer.text)), { isFirst });
        this.#reconcile(worker, sent);
        return "taken";
      }
      const reason = this.#hide(describeAnswer(answer));
      if (answer.status === 404 && !isFirst) return this.#forget(reason);
      if ((answer.status === 401 || answer.status === 403) && !isFirst) return this.#forget(reason);
      this.#fail(reason);
      // A 404 of the first one is of something that stands in front of the orchestrator.
      if (answer.status >= 500 || [404, 408, 429].includes(answer.status)) return "failed";
      this.#state = "refused";
      log.error("The orchestrator refuses the runner: {reason}; check ORCH_SECRET", { reason });
      return "refused";
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(this.#hide(describeError(error)));
      return "failed";
    }
  }

  #heartbeat(worker: RegisteredWorker, sessionIds: readonly string[]): unknown {
    const { runnerUrl, app, version, metadata, gpu, price } = this.#options;
    const { mode = "persistent", capacity = worker.capacity } = this.#options;
    return {
      ...(this.#runnerId === undefined ? {} : { runner_id: this.#runnerId }),
      runner_url: runnerUrl,
      app,
      ...(version === undefined ? {} : { version }),
      ...(metadata === undefined ? {} : { metadata }),
      status: "ready",
      mode,
      ...(gpu === undefined ? {} : { gpu }),
      capacity,
      price_info: { price: price?.price ?? 0, currency: "usd", unit: "hour", ...price },
      session_ids: sessionIds,
    };
  }

  #take(answer: HeartbeatAnswer, { isFirst }: { readonly isFirst: boolean }): void {
    this.#runnerId = answer.runner_id;
    this.#secret = answer.heartbeat_secret ?? this.#secret ?? this.#options.orchestratorSecret;
    const named = parseGoDuration(answer.heartbeat_interval ?? "") ?? DEFAULT_INTERVAL_MS;
    this.#intervalMs = Math.min(Math.max(named, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
    this.#knownSessions = answer.session_ids ?? undefined;
    this.#state = "registered";
    this.#lastError = null;
    if (isFirst) {
      this.#registrations++;
      log.info("Registered as runner {runner}", { runner: this.#runnerId });
    }
    this.#channel.follow(answer.o2r?.internal_url ?? answer.o2r?.url);
  }

  /** The orchestrator does not know this runner, or its secret, any more. */
  #forget(reason: string): "forgotten" {
    log.warn("The orchestrator has forgotten this runner: it registers again ({reason})", {
      reason,
    });
    this.#fail(reason);
    this.#state = "registering";
    this.#secret = undefined;
    this.#runnerId = undefined;
    this.#knownSessions = undefined;
    return "forgotten";
  }

  /**
   * Ends the streams of a heartbeat that its answer does not know: those that began later it could not
   * know. The next heartbeat does not wait for their ends.
   */
  #reconcile(worker: RegisteredWorker, sent: readonly string[]): void {
    const known = this.#knownSessions;
    if (known === undefined) return;
    for (const id of sent) {
      if (known.includes(id) || this.#ends.has(id)) continue;
      log.warn("Stream {stream} is ended: the orchestrator does not know it", { stream: id });
      const end = this.#endStream(worker, id).finally(() => this.#ends.delete(id));
      this.#ends.set(id, end);
    }
  }

  async #endStream(worker: RegisteredWorker, id: string): Promise<void> {
    try {
      await worker.stopStream(id, "the orchestrator does not know the session");
    } catch (error) {
      log.error("Stream {stream} could not be ended: {reason}", {
        stream: id,
        reason: describeError(error),
      });
    }
  }

  #fail(reason: string): void {
    this.#failures++;
    if (this.#lastError === null) log.warn("A heartbeat failed: {reason}", { reason });
    this.#lastError = reason;
  }

  #hide(text: string): string {
    return withoutSecrets(text, [this.#options.orchestratorSecret, this.#secret]);
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    await this.#run;
    await Promise.all([this.#channel[Symbol.asyncDispose](), ...this.#ends.values()]);
    if (this.#state === "registered") await this.#unregister();
    if (this.#state !== "refused") this.#state = "unregistered";
    this.#client[Symbol.dispose]();
  }

  async #unregister(): Promise<void> {
    try {
      const answer = await this.#client.post({
        path: `/runners/${encodeURIComponent(this.#runnerId!)}/unregister`,
        headers: { Authorization: this.#secret! },
        body: {},
        timeoutMs: UNREGISTER_TIMEOUT_MS,
      });
      if (answer.status >= 200 && answer.status < 300) return;
      this.#notTakenBack(this.#hide(describeAnswer(answer)));
    } catch (error) {
      this.#notTakenBack(this.#hide(describeError(error)));
    }
  }

  #notTakenBack(reason: string): void {
    this.#failures++;
    this.#lastError = reason;
    log.warn("Cannot take the runner back: {reason}", { reason });
  }
}

/** The parser's own message would show a part of the text, which may be a secret. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new SyntaxError(`its answer of ${text.length} characters is no JSON`);
  }
}

function checkMetadata(metadata: unknown): void {
  const bytes = metadata === undefined
    ? 0
    : new TextEncoder().encode(JSON.stringify(metadata)).length;
  if (bytes <= MAX_METADATA_BYTES) return;
  throw new ConfigError(
    "CONFIG_INVALID",
    `Cannot register with metadata of ${bytes} bytes: use at most ${MAX_METADATA_BYTES}`,
  );
}
