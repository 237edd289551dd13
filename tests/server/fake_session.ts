/**
 * A session without media, for the HTTP contract: real sessions are tested end to end.
 *
 * @module
 */

import { FrameProcessor, type ProcessorContext } from "../../src/processor/mod.ts";
import { emptyHistograms } from "../../src/session/telemetry/latency_histograms.ts";
import type {
  LoadingUpdate,
  SessionDetails,
  SessionEnd,
  SessionMetrics,
  StreamParams,
  StreamState,
  TrickleSessionOptions,
} from "../../src/session/mod.ts";
import {
  type CurrentState,
  type HttpOptions,
  type StatusBody,
  type StatusMetrics,
  StreamServer,
  type StreamServerOptions,
} from "../../src/server/mod.ts";
import type { Admission, StreamSession } from "../../src/worker/mod.ts";
import { ManualClock } from "../trickle/manual_clock.ts";

/** A processor whose initialization the test decides. */
export class TestProcessor extends FrameProcessor {
  readonly #initialized: Promise<void>;

  constructor(initialized: Promise<void> = Promise.resolve()) {
    super();
    this.#initialized = initialized;
  }

  override async initialize(_context: ProcessorContext): Promise<void> {
    await this.#initialized;
  }
}

/** Notes what the server asked of it. */
export class FakeSession implements StreamSession {
  readonly request: TrickleSessionOptions;
  readonly updates: unknown[] = [];
  readonly data: string[] = [];
  readonly appEvents: { readonly event: unknown; readonly type: string }[] = [];
  processorHangs = false;
  readonly loading: LoadingUpdate[] = [];
  /** What it takes the parameters of its start for, as a processor's schema may. */
  ownParams: StreamParams | undefined;
  /** Thrown by the next update. */
  updateError: Error | undefined;
  /** Thrown by `start`. */
  startError: Error | undefined;
  /** Resolved to let a stop that flushes go on. */
  flushed: Promise<void> = Promise.resolve();
  state: StreamState = "opening";
  disposed = false;
  readonly #end = Promise.withResolvers<SessionEnd>();

  constructor(request: TrickleSessionOptions) {
    this.request = request;
  }

  get ended(): Promise<SessionEnd> {
    return this.#end.promise;
  }

  start(): void {
    if (this.startError !== undefined) throw this.startError;
    this.state = "running";
  }

  updateParams(params: unknown): Promise<void> {
    if (this.updateError !== undefined) return Promise.reject(this.updateError);
    this.updates.push(params);
    return Promise.resolve();
  }

  get params(): StreamParams {
    return this.ownParams ?? this.request.params ?? {};
  }

  sendEvent(event: unknown, type: string): void {
    this.appEvents.push({ event, type });
  }

  sendData(text: string): void {
    this.data.push(text);
  }

  setLoading(update: LoadingUpdate): void {
    this.loading.push(update);
  }

  metrics(): SessionMetrics {
    return FAKE_METRICS;
  }

  details(): SessionDetails {
    return { latency: emptyHistograms() };
  }

  async stop(): Promise<SessionEnd> {
    if (this.state !== "ended") this.state = "draining";
    await this.flushed;
    this.end({ reason: "stopped" });
    return await this.ended;
  }

  sendFrame(): Promise<boolean> {
    return Promise.resolve(true);
  }

  /** Ends the session as if by itself. */
  end(end: SessionEnd): void {
    this.state = "ended";
    this.#end.resolve(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
    await this.stop();
  }
}

const NO_LATENCY = { p50: null, p95: null, max: null };

/** Figures that a test can recognise. */
export const FAKE_METRICS: SessionMetrics = {
  fps: {
    ingress_video_fps: 30,
    ingress_audio_fps: 50,
    egress_video_fps: 24,
    egress_audio_fps: 50,
  },
  latency_ms: {
    p50: 12,
    p95: 20,
    max: 33,
    start: NO_LATENCY,
    stages: { decode: NO_LATENCY, queue: NO_LATENCY, process: NO_LATENCY, encode: NO_LATENCY },
  },
  frames_in: 100,
  frames_processed: 80,
  frames_out: 79,
  frames_consumed: 0,
  frames_copied: 0,
  frames_unseen: 0,
  frames_unseen_by_reason: {},
  frames_overlaid: 0,
  loading: false,
  frames_dropped: 20,
  frames_dropped_by_reason: { rate: 20 },
  audio_packets_dropped: 0,
  audio_packets_unheard: 0,
  audio_packets_in: 50,
  audio_packets_done: 49,
  audio_packets_out: 50,
  events_sent: 0,
  events_dropped: 0,
  control_messages: 0,
  frames_leaked: 0,
  gpu: null,
  data_lines_sent: 0,
  data_lines_dropped: 0,
  segments_in: 3,
  input_bytes: 8192,
  error_count: 2,
  errors: 2,
  errors_by_stage: { process: 2 },
  segments_skipped: 0,
  segments_out: 3,
  segments_lost: 0,
  frames_lost: 0,
  output_bytes: 4096,
  codec_restarts: 0,
  codec_hangs: 0,
  hardware_fallbacks: 0,
  video_codecs: { decoder: "software", encoder: "software" },
  time_to_first_frame_ms: 250,
  processor: { gpu_memory_mb: 512, custom: "yes" },
};

/** Takes every stream, however late the event loop of a busy machine runs. */
export const ADMIT_ALL: Admission = () => undefined;

/** A running server on a free port with fake sessions, whose time the test lets pass. */
export interface TestServer extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly server: StreamServer;
  readonly sessions: FakeSession[];
  /** Sends a request; a body that is not a string is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: HeadersInit): Promise<Answer>;
}

/** The fields of all answers together: which are there is what the tests look at. */
export interface AnswerBody extends Omit<StatusBody, "status" | "metrics"> {
  readonly status: string;
  readonly message: string;
  readonly request_id: string;
  readonly current_state: CurrentState;
  readonly metrics: StatusMetrics;
}

/** An answer, its body parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AnswerBody;
}

/** How a {@linkcode TestServer} differs from the default. */
export interface TestServerOptions extends HttpOptions {
  readonly processor?: TestProcessor | (() => TestProcessor);
  readonly capacity?: number;
  /** @default a free one */
  readonly port?: number;
  /** @default {ADMIT_ALL} */
  readonly admit?: Admission;
  readonly prefix?: string;
  readonly allowUrls?: readonly string[];
  readonly onStreamEvent?: NonNullable<StreamServerOptions["onStreamEvent"]>;
  /** Prepares each session before the server has it. */
  readonly onOpen?: (session: FakeSession) => void;
}

/** Starts a server and waits for its processor, unless one was given. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const sessions: FakeSession[] = [];
  const { onOpen: _onOpen, ...rest } = options;
  const clock = new ManualClock();
  const server = new StreamServer({
    port: 0,
    admit: ADMIT_ALL,
    ...rest,
    clock,
    processor: options.processor ?? new TestProcessor(),
    host: "127.0.0.1",
    openSession: (request) => {
      const session = new FakeSession(request);
      options.onOpen?.(session);
      sessions.push(session);
      return session;
    },
  });
  await server.start();
  if (options.processor === undefined) await server.initialized;
  return {
    clock,
    server,
    sessions,
    call: (method, path, body, headers) => send(server.url + path, { method, body, headers }),
    [Symbol.asyncDispose]: () => clock.passUntil(server.stop()),
  };
}

async function send(
  url: string,
  { method, body, headers }: { method: string; body: unknown; headers: HeadersInit | undefined },
): Promise<Answer> {
  const all = new Headers(headers);
  if (body !== undefined && !all.has("content-type")) all.set("Content-Type", "application/json");
  const response = await fetch(url, {
    method,
    headers: all,
    ...(body === undefined ? {} : {
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : JSON.parse(text),
  };
}
