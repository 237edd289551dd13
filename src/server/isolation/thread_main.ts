/// <reference lib="deno.worker" />
/**
 * The thread of a stream: loads a processor and runs one session after another on it. It is started
 * with `new Worker` and told what to do by a {@linkcode ThreadHost}.
 *
 * @module
 */

// Before anything else is imported: onnxruntime-web looks at the location, which in a thread is none.
import "./thread_location.ts";
import { configure, type LogLevel, type LogRecord } from "@logtape/logtape";
import { describeError, roomLogger } from "../../base/mod.ts";
import { type FrameProcessor, importProcessor } from "../../processor/mod.ts";
import { openTrickleSession, type Session } from "../../session/mod.ts";
import { paramsOrThrow } from "../schemas.ts";
import {
  type FromThread,
  type ThreadCall,
  toPlainError,
  toPlainEvent,
  type ToThread,
} from "./messages.ts";

/** How often the server hears of a stream; it takes a long silence for a hang. */
const SNAPSHOT_INTERVAL_MS = 250;

function post(message: FromThread): void {
  self.postMessage(message);
}

/** What can be copied of a record's properties. */
function postLog({ category, level, rawMessage, properties }: LogRecord): void {
  const plain = Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name,
      value instanceof Error || typeof value === "function" ? describeError(value) : value,
    ]),
  );
  const text = typeof rawMessage === "string" ? rawMessage : rawMessage.join("");
  const record = { category, level, rawMessage: text, properties: plain };
  try {
    post({ type: "log", record });
  } catch {
    post({ type: "log", record: { ...record, properties: {} } });
  }
}

class StreamThread {
  readonly #stop = new AbortController();
  #processor: FrameProcessor | undefined;
  #session: Session | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  async take(message: ToThread): Promise<void> {
    switch (message.type) {
      case "initialize":
        return await this.#initialize(message);
      case "call":
        return await this.#answer(message.id, message.call);
      case "start":
        return this.#session?.start();
      case "send-data":
        return this.#session?.sendData(message.text);
      case "send-event":
        return this.#session?.sendEvent(message.event, message.name);
      case "dispose":
        return await this.#dispose();
    }
  }

  async #initialize(message: Extract<ToThread, { type: "initialize" }>): Promise<void> {
    await configure({
      sinks: { server: postLog },
      loggers: [
        { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["server"] },
        { category: [], lowestLevel: message.logLevel as LogLevel, sinks: ["server"] },
      ],
    });
    try {
      this.#processor = await importProcessor(message.processor);
      await this.#processor.initialize({
        params: {},
        log: roomLogger("processor"),
        signal: this.#stop.signal,
        sendData: (text) => this.#session?.sendData(text),
        sendEvent: (event, type) => this.#session?.sendEvent(event, type),
      });
      post({ type: "initialized" });
    } catch (error) {
      post({ type: "initialize-failed", reason: describeError(error) });
    }
  }

  async #answer(id: number, call: ThreadCall): Promise<void> {
    try {
      await this.#run(call);
      post({ type: "answer", id });
    } catch (error) {
      post({ type: "answer", id, error: toPlainError(error) });
    }
  }

  async #run(call: ThreadCall): Promise<void> {
    switch (call.method) {
      case "open": {
        const session = openTrickleSession({
          ...call.options,
          processor: this.#processor!,
          parseControl: paramsOrThrow,
          onEvent: (event) => {
            // The last figures come before the end: whoever waits for that may ask for them.
            if (event.type === "ended") this.#snapshot();
            post({ type: "event", event: toPlainEvent(event) });
          },
        });
        this.#session = session;
        this.#snapshot();
        this.#timer = setInterval(() => this.#snapshot(), SNAPSHOT_INTERVAL_MS);
        void session.ended.then(() => {
          if (this.#session !== session) return;
          clearInterval(this.#timer);
          this.#session = undefined;
        });
        return;
      }
      case "updateParams":
        await this.#session?.updateParams(call.params);
        return this.#snapshot();
      case "stop":
        await this.#session?.stop();
        return;
    }
  }

  #snapshot(): void {
    const session = this.#session;
    if (session === undefined) return;
    const { state, params, processorHangs } = session;
    post({ type: "snapshot", state, params, processorHangs, metrics: session.metrics() });
  }

  async #dispose(): Promise<void> {
    this.#stop.abort();
    await this.#session?.stop();
    clearInterval(this.#timer);
    await this.#processor?.[Symbol.asyncDispose]?.();
    post({ type: "disposed" });
    self.close();
  }
}

const thread = new StreamThread();
self.addEventListener("message", ({ data }: MessageEvent<ToThread>) => {
  // A rejection is the thread's crash: the server hears of it as an error event.
  void thread.take(data);
});
