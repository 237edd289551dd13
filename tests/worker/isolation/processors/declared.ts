/** Declares its parameters, talks before there is a stream, and fails to load where it is told to. */

import { z } from "zod";
import { FrameProcessor, type ProcessorContext } from "../../../../mod.ts";

class Declared extends FrameProcessor {
  override readonly paramsSchema = z.object({ radius: z.number().min(0).default(3) });
  readonly #failure: string | undefined;

  constructor(failure: string | undefined) {
    super();
    this.#failure = failure;
  }

  override initialize(context: ProcessorContext): void {
    for (let i = 0; i < 3; i++) context.sendData(`line ${i}`);
    if (this.#failure !== undefined) throw new Error(this.#failure);
  }
}

export default ({ failure }: { failure?: string } = {}): FrameProcessor => new Declared(failure);
