/** A gateway and its orchestrator as a worker meets them: five channels a stream, and what they do with them. */

import assert from "node:assert/strict";
import {
  type Clock,
  systemClock,
  TricklePublisher,
  TrickleSubscriber,
} from "../../src/trickle/mod.ts";
import { within } from "../waiting.ts";
import { WatchedServer } from "./watched_server.ts";

/** A gateway ends a stream from which it heard nothing for so long. */
const SILENCE_MS = 30_000;

/** An event as a gateway reads it. */
export interface GatewayEvent {
  readonly event: Readonly<Record<string, unknown>> & { readonly type: string };
  readonly queue_event_type: string;
}

/** What a worker answered. */
export interface WorkerAnswer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** Options of a {@linkcode FakeGateway}. */
export interface GatewayOptions {
  /** URL of the worker, as it was registered. */
  readonly workerUrl: () => string;
  /** Sent as bearer token. @default none */
  readonly token?: string;
  readonly clock?: Clock;
  /** Where its trickle server listens. @default a free port */
  readonly port?: number;
}

/** Creates channels, calls a worker, and relays: over a trickle server of its own. */
export class FakeGateway implements AsyncDisposable {
  readonly trickle = new WatchedServer();
  readonly options: GatewayOptions;
  #streams = 0;
  readonly #open: GatewayStream[] = [];

  constructor(options: GatewayOptions) {
    this.options = options;
    this.trickle.listen({ port: options.port ?? 0 });
  }

  /** Calls the worker as the orchestrator does: with the stream's id in a header. */
  async call(path: string, streamId: string, body: string | undefined): Promise<WorkerAnswer> {
    const { workerUrl, token } = this.options;
    const response = await fetch(`${workerUrl()}${path}`, {
      method: "POST",
      headers: {
        "X-Stream-Id": streamId,
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
        ...(body?.startsWith("{") ? { "Content-Type": "application/json" } : {}),
      },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, json: await response.json() };
  }

  /** Creates the channels of a stream and starts it; which channels there are is the job's business. */
  async start(
    params: unknown = {},
    channels: readonly ChannelName[] = ["input", "output", "control", "events", "data"],
  ): Promise<GatewayStream> {
    const stream = new GatewayStream(this, `gateway${this.#streams++}`, channels);
    this.#open.push(stream);
    const answer = await this.call(
      "/stream/start",
      stream.id,
      JSON.stringify({
        gateway_request_id: stream.id,
        stream_id: stream.id,
        ...stream.urls,
        params,
      }),
    );
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
    return stream;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#open) await stream[Symbol.asyncDispose]();
    await this.trickle[Symbol.asyncDispose]();
  }
}

export type ChannelName = "input" | "output" | "control" | "events" | "data";

/** Suffix, media type and field of the start request. */
const CHANNELS: Readonly<Record<ChannelName, readonly [string, string, string]>> = {
  input: ["", "video/mp2t", "subscribe_url"],
  output: ["-out", "video/mp2t", "publish_url"],
  control: ["-control", "application/json", "control_url"],
  events: ["-events", "application/json", "events_url"],
  data: ["-data", "application/jsonl", "data_url"],
};

/** One stream: its channels, and all that came out of them. */
export class GatewayStream implements AsyncDisposable {
  readonly id: string;
  readonly events: GatewayEvent[] = [];
  readonly dataLines: string[] = [];
  readonly output: Uint8Array[] = [];
  /** What a reader would be told of the stream: the last `status` event. */
  status: Readonly<Record<string, unknown>> | undefined;
  readonly input: TricklePublisher;
  readonly #gateway: FakeGateway;
  readonly #channels: readonly ChannelName[];
  readonly #control: TricklePublisher | undefined;
  readonly #readers: TrickleSubscriber[] = [];
  readonly #reading: Promise<void>[] = [];
  readonly #outputEnd: Promise<void>;
  #fedSegments = 0;
  #lastEventMs: number;

  constructor(gateway: FakeGateway, id: string, channels: readonly ChannelName[]) {
    this.id = id;
    this.#gateway = gateway;
    this.#channels = channels;
    for (const name of channels) {
      gateway.trickle.createChannel(id + CHANNELS[name][0], CHANNELS[name][1]);
    }
    this.#lastEventMs = this.#clock.now();
    this.input = new TricklePublisher(this.#url("input"));
    this.#control = channels.includes("control")
      ? new TricklePublisher(this.#url("control"), { ownsChannel: false })
      : undefined;
    void this.#read("events", (bytes) => this.#takeEvent(bytes));
    void this.#read("data", (bytes) => this.#takeData(bytes));
    this.#outputEnd = this.#read("output", (bytes) => void this.output.push(bytes));
  }

  /** The fields of the start request. */
  get urls(): Record<string, string> {
    return Object.fromEntries(
      this.#channels.map((name) => [CHANNELS[name][2], this.#url(name)]),
    );
  }

  /** Whether the gateway would end the stream for its silence. */
  get isSilent(): boolean {
    return this.#clock.now() - this.#lastEventMs > SILENCE_MS;
  }

  /** The events of a type so far. */
  of(type: string): GatewayEvent[] {
    return this.events.filter(({ event }) => event.type === type);
  }

  /** Publishes segments on the input. */
  async feed(segments: readonly Uint8Array[]): Promise<void> {
    for (const bytes of segments) {
      const segment = await this.input.next();
      await segment.write(bytes);
      await segment.close();
      this.#fedSegments++;
    }
  }

  /** Ends the input once the worker reads the last segment: the others are gone with the channel. */
  async endInput(): Promise<void> {
    const last = this.#fedSegments - 1;
    await within(this.#gateway.trickle.untilRead(this.id, last), `a reader of segment ${last}`);
    await this.input.close();
  }

  /** Waits for the end of the output: then all of it is in {@linkcode output}. */
  async untilOutputEnds(): Promise<void> {
    await within(this.#outputEnd, "the end of the output");
  }

  /** Sends parameters the way of the control channel. */
  async control(message: unknown): Promise<void> {
    await this.#control!.publishMessage(JSON.stringify(message));
  }

  /** Sends parameters by HTTP. */
  async params(params: unknown): Promise<WorkerAnswer> {
    return await this.#gateway.call("/stream/params", this.id, JSON.stringify(params));
  }

  /** Stops the stream with a reason, as plain text. */
  async stop(reason: string | undefined): Promise<WorkerAnswer> {
    return await this.#gateway.call("/stream/stop", this.id, reason);
  }

  /** What an orchestrator does when nobody pays: the channels are gone, and nobody calls. */
  kill(): void {
    for (const name of this.#channels) {
      this.#gateway.trickle.closeChannel(this.id + CHANNELS[name][0]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.input[Symbol.asyncDispose]();
    await this.#control?.[Symbol.asyncDispose]();
    for (const reader of this.#readers) await reader[Symbol.asyncDispose]();
    await Promise.all(this.#reading);
  }

  get #clock(): Clock {
    return this.#gateway.options.clock ?? systemClock;
  }

  #url(name: ChannelName): string {
    return this.#gateway.trickle.channelUrl(this.id + CHANNELS[name][0]);
  }

  #read(name: ChannelName, take: (bytes: Uint8Array) => void): Promise<void> {
    if (!this.#channels.includes(name)) return Promise.resolve();
    const reader = new TrickleSubscriber(this.#url(name), { start: 0 });
    this.#readers.push(reader);
    const reading = (async () => {
      for await (const { body } of reader) take(await collect(body));
    })();
    this.#reading.push(reading);
    return reading;
  }

  #takeEvent(bytes: Uint8Array): void {
    const event: GatewayEvent = JSON.parse(new TextDecoder().decode(bytes));
    this.#lastEventMs = this.#clock.now();
    this.events.push(event);
    if (event.event.type === "status") this.status = event.event;
  }

  /** As the gateway relays it: each line is an event of its own. */
  #takeData(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    for (const line of text.split("\n")) if (line !== "") this.dataLines.push(line);
  }
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of body) chunks.push(chunk.slice());
  return await new Blob(chunks).bytes();
}
