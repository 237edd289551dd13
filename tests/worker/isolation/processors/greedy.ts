/** Allocates without end, spins, or lies, once it is told to. */

import { FrameProcessor, type StreamParams } from "../../../../mod.ts";

/** Keeps the loop from being optimized away. */
export const kept: unknown[] = [];

export default class Greedy extends FrameProcessor {
  override updateParams({ do: what }: StreamParams): void {
    switch (what) {
      case "fill the heap":
        setTimeout(() => {
          for (;;) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
        });
        break;
      case "fill buffers":
        setTimeout(() => {
          for (;;) kept.push(new Uint8Array(2 ** 24).fill(1));
        });
        break;
      case "spin":
        // To an event loop the same as an endless loop, but it leaves the core to others.
        setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
        break;
      case "throw later":
        setTimeout(() => {
          throw new Error("nobody catches this");
        });
        break;
      case "babble":
        setTimeout(() => {
          const bytes = new TextEncoder().encode("x".repeat(2 ** 20));
          for (;;) Deno.stdout.writeSync(bytes);
        });
        break;
      case "lie":
        setTimeout(() => {
          Deno.stdout.writeSync(new TextEncoder().encode("\u001erunnel:AAAA\n"));
        });
        break;
    }
  }
}
