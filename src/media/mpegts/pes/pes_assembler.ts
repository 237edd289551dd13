import { ByteWindow } from "../../bitstream/mod.ts";
import { PesReader } from "./pes_reader.ts";
import type { DemuxCounters } from "../stats.ts";

/** The largest PES packet that is put together. */
const MAX_PES_BYTES = 8 * 1024 * 1024;

/** One PES packet's payload and its 33-bit times. */
export interface PesUnit {
  readonly payload: Uint8Array;
  /** Undefined when the header has none, and for the rest of a unit that was ended too early. */
  readonly pts: number | undefined;
  readonly dts: number | undefined;
  /** Which of several streams on one PID it is of, where the header says that. */
  readonly extensionId: number | undefined;
}

/** What a {@linkcode PesAssembler} reports to. */
export interface PesSink {
  /** A PES packet is whole. The payload stays valid. */
  pes(unit: PesUnit): void;
  /** Packets are missing. */
  lost(): void;
}

/**
 * Joins the payloads of one PID's packets into PES packets. One ends when its length says so; where it
 * has no length, with a packet that holds stuffing (which saves waiting for the next one), or when the
 * next one starts. What follows one that was ended too early comes as another without times.
 */
export class PesAssembler {
  readonly #sink: PesSink;
  readonly #counters: DemuxCounters;
  /** The packet that is being put together. */
  readonly #window: ByteWindow;
  readonly #reader: PesReader;
  #pts: number | undefined;
  #dts: number | undefined;
  #extensionId: number | undefined;

  /** Creates an assembler; `slabBytes` is the size of the buffers that units share. */
  constructor(options: { sink: PesSink; counters: DemuxCounters; slabBytes: number }) {
    this.#sink = options.sink;
    this.#counters = options.counters;
    this.#window = new ByteWindow(options.slabBytes);
    this.#reader = new PesReader({
      counters: options.counters,
      sink: {
        begin: ({ pts, dts, extensionId }) => {
          this.#emit();
          this.#extensionId = extensionId;
          this.#pts = pts;
          this.#dts = dts;
        },
        payload: (data, from, to) => this.#append(data, from, to),
        end: () => this.#emit(),
        lost: () => this.#lose(),
        endsWith: (data, from, to) => this.#window.endsWith(data, from, to),
      },
    });
  }

  /** Takes the packet at `at` of `data`, which is of this PID and without transport error. */
  packet(data: Uint8Array, at: number): void {
    this.#reader.packet(data, at);
  }

  /** A segment was joined on here: a counter that starts anew with a new PES is no loss. */
  forgiveContinuity(): void {
    this.#reader.forgiveContinuity();
  }

  /** The segment ends here: hands on what is there, and goes on where the next segment does. */
  nextSegment(): void {
    this.#emit();
    this.#reader.nextSegment();
  }

  /** Hands on what is there: the stream ends here. */
  finish(): void {
    this.#emit();
    this.#reader.finish();
  }

  /** Drops what is incomplete: the next packet need not follow the last. */
  reset(): void {
    this.#drop();
    this.#reader.reset();
  }

  #append(data: Uint8Array, from: number, to: number): void {
    this.#window.append(data, from, to);
    if (this.#window.length <= MAX_PES_BYTES) return;
    this.#lose();
    this.#reader.reset();
  }

  #emit(): void {
    if (this.#window.length === 0) return;
    const unit = {
      payload: this.#window.view(this.#window.start, this.#window.end),
      pts: this.#pts,
      dts: this.#dts,
      extensionId: this.#extensionId,
    };
    this.#window.release(this.#window.end);
    this.#pts = this.#dts = undefined;
    this.#sink.pes(unit);
  }

  #lose(): void {
    this.#drop();
    this.#sink.lost();
  }

  #drop(): void {
    if (this.#window.length > 0) this.#counters.corruptPes++;
    this.#window.release(this.#window.end);
  }
}
