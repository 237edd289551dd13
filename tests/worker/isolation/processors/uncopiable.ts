/** Has parameters, events and figures that no other thread or process can have. */

import { z } from "zod";
import { FrameProcessor, type ProcessorContext, type VideoFrame } from "../../../../mod.ts";

export default class Uncopiable extends FrameProcessor {
  override readonly paramsSchema = z.object({
    seed: z.coerce.bigint().default(7n),
    curve: z.enum(["linear", "square"]).default("linear").transform((name) => ({
      name,
      at: (x: number) => name === "square" ? x * x : x,
    })),
  });
  #context: ProcessorContext | undefined;

  override initialize(context: ProcessorContext): void {
    this.#context = context;
  }

  override processVideo(frame: VideoFrame): VideoFrame {
    this.#context?.sendEvent({ at: frame.timestamp, again: () => frame.timestamp }, "seen");
    return frame;
  }

  override getMetrics(): Record<string, unknown> {
    return { count: 10n, read: () => 1 };
  }
}
