/**
 * Keeps a capability registered: LIVEPEER.md section 4.
 *
 * @module
 */

import { roomLogger } from "../base/mod.ts";
import { type Clock, systemClock } from "../trickle/mod.ts";
import { backoffMs } from "./backoff.ts";
import {
  type CapabilityOptions,
  clientFor,
  type RegistrationOutcome,
  sendRegistration,
  sendUnregistration,
} from "./capability.ts";
import type { OrchestratorClient } from "./orchestrator_client.ts";
import type { RegisteredWorker, Registration, RegistrationStatus } from "./registration.ts";
import { Waiter } from "./waiter.ts";

const log = roomLogger("livepeer");

/** An orchestrator that restarts forgets the worker: that is how long it may go unnoticed. */
const KEEP_ALIVE_MS = 60_000;
/** Requests that are refused come in bursts; they are one reason to register again. */
const UNAUTHORIZED_SETTLE_MS = 1_000;
/** How long taking the registration back may take. */
const UNREGISTER_TIMEOUT_MS = 3_000;
/** How often a busy worker is looked at again. */
const BUSY_POLL_MS = 1_000;

/** Options of a {@linkcode ByocRegistration}. */
export interface ByocOptions extends CapabilityOptions {
  /** Time between two registrations of an idle worker, in milliseconds. @default 60000 */
  readonly keepAliveMs?: number;
  /** The time of attempts and of their answers. @default {systemClock} */
  readonly clock?: Clock;
}

/**
 * Registers a worker when it is ready, tries again until the orchestrator takes it, registers it anew
 * while it is idle, in case the orchestrator has forgotten it, and takes the registration back at the
 * end. A busy worker is left alone: registering replaces the entry, and the orchestrator would count no
 * load for it.
 */
export class ByocRegistration implements Registration {
  readonly #options: ByocOptions;
  readonly #client: OrchestratorClient;
  readonly #stop = new AbortController();
  readonly #waiter: Waiter;
  #run: Promise<void> | undefined;
  #ending: Promise<void> | undefined;
  #state: RegistrationStatus["state"] = "waiting";
  #registrations = 0;
  #failures = 0;
  #lastError: string | null = null;
  #isDropped = false;
  /** The end came while a registration was under way: it may have been taken. */
  #mayBeTaken = false;

  /** Requests nothing before {@linkcode start}. */
  constructor(options: ByocOptions) {
    this.#options = options;
    const { clock = systemClock } = options;
    this.#client = clientFor(options, clock);
    this.#waiter = new Waiter(clock, this.#stop.signal);
  }

  /** How it fares now. */
  get status(): RegistrationStatus {
    return {
      kind: "byoc",
      state: this.#state,
      registrations: this.#registrations,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  /** Begins, and returns at once. Throws a `TypeError` the second time. */
  start(worker: RegisteredWorker): void {
    if (this.#run !== undefined || this.#ending !== undefined) {
      throw new TypeError("Cannot start a registration twice: create another");
    }
    this.#run = this.#keepRegistered(worker);
  }

  /** The orchestrator has dropped the worker: it is registered again once it is idle. */
  unauthorized(): void {
    this.#isDropped = true;
    this.#waiter.wake();
  }

  /** Takes the registration back, within 3 s. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async #keepRegistered(worker: RegisteredWorker): Promise<void> {
    const { signal } = this.#stop;
    await worker.whenReady(signal);
    while (!signal.aborted) {
      if (!await this.#registerUntilTaken(worker)) return;
      await this.#waitForReason(worker);
    }
  }

  /** Resolves to false when the orchestrator refuses for good, or at the end. */
  async #registerUntilTaken(worker: RegisteredWorker): Promise<boolean> {
    const { signal } = this.#stop;
    for (let failures = 1; !signal.aborted; failures++) {
      this.#isDropped = false;
      if (this.#registrations === 0) this.#state = "registering";
      const { capacity = worker.capacity } = this.#options;
      const options = { ...this.#options, capacity };
      const outcome = await sendRegistration(this.#client, options, signal);
      if (signal.aborted) {
        this.#mayBeTaken = outcome.kind !== "refused";
        return false;
      }
      if (this.#note(outcome)) return outcome.kind === "registered";
      await this.#waiter.wait(backoffMs(failures));
      // It may have got busy in the meantime, and it may be registered as it is.
      if (this.#registrations > 0) await this.#waitUntilIdle(worker);
    }
    return false;
  }

  /** Whether the matter is settled. */
  #note(outcome: RegistrationOutcome): boolean {
    const { name } = this.#options;
    switch (outcome.kind) {
      case "registered":
        if (this.#state !== "registered") {
          log.info("Registered {name} with the orchestrator", { name });
        }
        this.#state = "registered";
        this.#registrations++;
        this.#lastError = null;
        return true;
      case "refused":
        this.#state = "refused";
        this.#fail(outcome.reason);
        log.error("The orchestrator refuses {name}: {reason}", { name, reason: outcome.reason });
        return true;
      case "failed":
        if (this.#lastError === null) {
          const { reason } = outcome;
          log.warn("Cannot register {name}, and tries again: {reason}", { name, reason });
        }
        this.#fail(outcome.reason);
        return false;
    }
  }

  #fail(reason: string): void {
    this.#failures++;
    this.#lastError = reason;
  }

  async #waitForReason(worker: RegisteredWorker): Promise<void> {
    const { keepAliveMs = KEEP_ALIVE_MS } = this.#options;
    if (!this.#isDropped) await this.#waiter.wait(keepAliveMs);
    if (this.#isDropped) {
      log.warn("A request was refused with 401: the worker registers again once it is idle");
      await this.#waiter.wait(UNAUTHORIZED_SETTLE_MS, { unwakeable: true });
    }
    await this.#waitUntilIdle(worker);
  }

  async #waitUntilIdle(worker: RegisteredWorker): Promise<void> {
    while (!this.#stop.signal.aborted && worker.activeStreamIds().length > 0) {
      await this.#waiter.wait(BUSY_POLL_MS, { unwakeable: true });
    }
  }

  async #end(): Promise<void> {
    this.#stop.abort();
    await this.#run;
    const isRegistered = this.#registrations > 0 && this.#state === "registered";
    if (isRegistered || this.#mayBeTaken) await this.#unregister();
    if (this.#state !== "refused") this.#state = "unregistered";
    this.#client[Symbol.dispose]();
  }

  async #unregister(): Promise<void> {
    const { name } = this.#options;
    const limits = { timeoutMs: UNREGISTER_TIMEOUT_MS };
    const outcome = await sendUnregistration(this.#client, this.#options, limits);
    if (outcome.kind === "registered") return log.info("Unregistered {name}", { name });
    this.#fail(outcome.reason);
    log.warn("Cannot unregister {name}: {reason}", { name, reason: outcome.reason });
  }
}
