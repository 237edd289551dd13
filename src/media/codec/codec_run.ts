/**
 * One ffmpeg child at work, from its first packet to its last: NUT goes in, NUT comes out.
 *
 * @module
 */

import { type Clock, schedulePatiently, systemClock } from "../../base/clock.ts";
import { describeError, FfmpegError } from "../../base/errors.ts";
import { roomLogger } from "../../base/log.ts";
import { NutDemuxer, type NutEvent, NutMuxer, type NutPacket, type NutStream } from "../nut/mod.ts";
import { ChildWatch } from "./child_watch.ts";
import type { ChildRecipe, CodecChild } from "./codec_child.ts";
import type { ByteSink, ByteSource } from "./transport.ts";

const log = roomLogger("codec");

// A child that was given its last input and then says nothing for this long is stuck.
const DRAIN_STALL_MS = 10_000;
// With the time between two looks, and what a replacement takes, within three seconds.
const HANG_AFTER_MS = 2_500;
// Smaller payloads are joined with their header: one write costs less than two.
const JOIN_BELOW_BYTES = 65_536;

/** What one child is to do. */
export interface CodecRunSpec {
  /** How the child is started. */
  readonly recipe: ChildRecipe;
  /** What goes in. */
  readonly stream: NutStream;
  /** Memory for what comes out. @default a new array each time */
  readonly allocate?: (bytes: number) => Uint8Array;
  /** Takes back memory of a packet that never became whole. */
  readonly release?: (memory: Uint8Array) => void;
  /** Takes what comes out, in order; the next read waits for it. */
  readonly onEvent: (event: NutEvent) => Promise<void> | void;
}

/** When a child is taken for one that hangs. */
export interface WatchOptions {
  /** How long it may do nothing although it has work, in milliseconds. @default 2500 */
  readonly hangAfterMs?: number;
  /** The time of the watch. @default {systemClock}, which the child has too */
  readonly clock?: Clock;
}

/** Options of a {@linkcode CodecRun}. */
export interface CodecRunOptions {
  /** The child, of the recipe and with nothing in it yet; the run owns it. */
  readonly child: CodecChild;
  /** Nothing is read from the child before this: the output of the run before it comes first. */
  readonly after: Promise<unknown>;
  readonly watch?: WatchOptions | undefined;
}

/** How a run ended. */
export type RunEnd =
  /** All input was given, all output was taken. */
  | { readonly kind: "finished" }
  /** The child went away, or what it wrote cannot be read. */
  | { readonly kind: "died"; readonly error: FfmpegError };

/** One child at work. */
export class CodecRun implements AsyncDisposable {
  /** Resolves when the child is gone and its output was taken; never rejects. */
  readonly done: Promise<RunEnd>;
  readonly #spec: CodecRunSpec;
  readonly #options: CodecRunOptions;
  readonly #muxer: NutMuxer;
  readonly #demuxer: NutDemuxer;
  readonly #child: CodecChild;
  readonly #sink: Promise<ByteSink | undefined>;
  #source: ByteSource | undefined;
  readonly #watch: ChildWatch;
  #cancelStall: (() => void) | undefined;
  /** What the watch found. */
  #hang: string | undefined;
  #outputs = 0;
  #isWriting = false;
  #isDue = false;
  #finishing = false;
  #reading = false;
  #disposed = false;
  #packetsIn = 0;
  #packetsOut = 0;

  /** Takes the child over. */
  constructor(spec: CodecRunSpec, options: CodecRunOptions) {
    this.#spec = spec;
    this.#options = options;
    // ffmpeg's reader keeps every syncpoint in memory, some hundred bytes a frame, for ever.
    this.#muxer = new NutMuxer([spec.stream], { syncpoints: "first-packet" });
    this.#demuxer = new NutDemuxer(spec.allocate === undefined ? {} : { allocate: spec.allocate });
    this.#child = options.child;
    if (spec.recipe.opening !== undefined) this.#muxer.opening();
    this.#sink = this.#openSink();
    this.#watch = this.#createWatch(options.watch ?? {});
    this.done = this.#live();
  }

  /** The child's process id. */
  get pid(): number {
    return this.#child.ffmpeg.pid;
  }

  /** How many packets came out so far. */
  get packetsOut(): number {
    return this.#packetsOut;
  }

  /** Writes one packet. Resolves to false when the child is gone. Calls must not overlap. */
  async send(packet: NutPacket): Promise<boolean> {
    const sink = await this.#sink;
    if (sink === undefined || this.#finishing) return false;
    const [header, payload] = this.#muxer.packet(packet);
    this.#packetsIn++;
    this.#isDue = this.#isWriting = true;
    try {
      if (payload.length < JOIN_BELOW_BYTES) {
        const joined = new Uint8Array(header.length + payload.length);
        joined.set(header);
        joined.set(payload, header.length);
        await sink.write(joined);
      } else {
        await sink.write(header);
        await sink.write(payload);
      }
      return true;
    } catch (error) {
      // The child is gone: `done` says why.
      log.debug(`${this.#spec.recipe.name}: cannot write to ffmpeg: ${describeError(error)}`);
      return false;
    } finally {
      this.#isWriting = false;
    }
  }

  /** Says that all input was given; `done` follows when all output was taken. Idempotent. */
  async finish(): Promise<void> {
    if (this.#finishing) return;
    this.#finishing = true;
    if (this.#reading) this.#watchForStall();
    try {
      await (await this.#sink)?.end();
    } catch (error) {
      log.debug(`${this.#spec.recipe.name}: cannot end ffmpeg's input: ${describeError(error)}`);
    }
  }

  /** Stops the child; output that was not taken is lost. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#child.stopConnecting();
    // A child that is blocked on its output reads no input: its output is closed at the same time.
    const finished = this.finish();
    this.#source?.close();
    await Promise.all([finished, this.#child.ffmpeg.end(), this.done]);
  }

  async #openSink(): Promise<ByteSink | undefined> {
    try {
      const sink = await this.#child.sink;
      if (this.#spec.recipe.opening === undefined) await sink.write(this.#muxer.header());
      else await this.#child.open();
      return sink;
    } catch (error) {
      log.debug(`${this.#spec.recipe.name}: ffmpeg took no input: ${describeError(error)}`);
      return undefined;
    }
  }

  async #live(): Promise<RunEnd> {
    let damage: unknown;
    try {
      await this.#readAll();
    } catch (error) {
      damage = error;
    }
    const partial = this.#demuxer.wanted;
    if (partial !== undefined) this.#spec.release?.(partial);
    this.#source?.close();
    this.#cancelStall?.();
    this.#watch[Symbol.dispose]();
    this.#child.stopConnecting();
    const exit = await this.#child.ffmpeg.end();
    (await this.#sink)?.close();
    if (this.#disposed) return { kind: "finished" };
    if (this.#finishing && exit.code === 0 && damage === undefined) return { kind: "finished" };
    // A child that was started for pictures that never came cannot tell what they would have been.
    if (this.#finishing && this.#packetsIn === 0) return { kind: "finished" };
    const how = this.#hang !== undefined
      ? `it was ended, because ${this.#hang}`
      : `ffmpeg ended with ${exit.signal ?? `exit code ${exit.code}`}`;
    const stderr = [...this.#child.ffmpeg.stderrTail];
    const last = stderr.at(-1);
    return {
      kind: "died",
      error: new FfmpegError(
        this.#hang === undefined ? "FFMPEG_EXIT" : "FFMPEG_HANG",
        `Cannot go on with the ${this.#spec.recipe.name}: ${how}` +
          (last === undefined ? "" : `: ${last}`) + `; see context.stderr`,
        {
          ...(damage === undefined ? {} : { cause: damage }),
          context: { ...exit, pid: this.pid, stderr },
        },
      ),
    };
  }

  async #readAll(): Promise<void> {
    let source: ByteSource;
    try {
      source = this.#source = await this.#child.source;
    } catch {
      return; // closed because the child is gone: its exit code says more
    }
    // Connected at once, read later: a short run may be over before the one before it.
    await this.#options.after;
    if (this.#disposed) return;
    for (;;) {
      if (this.#finishing) this.#watchForStall();
      const wanted = this.#demuxer.wanted;
      this.#reading = true;
      const bytes = await source.read(wanted);
      this.#reading = false;
      this.#cancelStall?.();
      if (bytes === undefined || this.#disposed) break;
      this.#outputs++;
      this.#isDue = false;
      if (wanted !== undefined && bytes.buffer === wanted.buffer) {
        const packet = this.#demuxer.advance(bytes.length);
        if (packet !== undefined) await this.#deliver(packet);
      } else {
        for (const event of this.#demuxer.push(bytes)) await this.#deliver(event);
      }
    }
    if (this.#packetsOut > 0 && !this.#disposed) this.#demuxer.end();
  }

  async #deliver(event: NutEvent): Promise<void> {
    if (event.kind === "packet") this.#packetsOut++;
    await this.#spec.onEvent(event);
  }

  #createWatch({ hangAfterMs = HANG_AFTER_MS, clock = systemClock }: WatchOptions): ChildWatch {
    return new ChildWatch({
      pid: this.pid,
      clock,
      hangAfterMs,
      work: () => ({
        given: this.#packetsIn,
        isWriting: this.#isWriting,
        isDue: this.#isDue || this.#finishing,
        outputs: this.#outputs,
        // Until it knows its input it does not connect: then nothing holds it up.
        isRead: this.#reading || this.#source === undefined,
      }),
      onHang: (found) => {
        this.#hang = found;
        const seconds = hangAfterMs / 1_000;
        log.warn(
          `${this.#spec.recipe.name}: ffmpeg ${this.pid} hangs: ${found} for ${seconds} s; it is ended`,
        );
        this.#child.ffmpeg.kill();
      },
    });
  }

  #watchForStall(): void {
    this.#cancelStall?.();
    this.#cancelStall = schedulePatiently(systemClock, DRAIN_STALL_MS, () => {
      log.warn(`${this.#spec.recipe.name}: ffmpeg ${this.pid} does not finish: stopping it`);
      this.#child.ffmpeg.terminate();
    });
  }
}
