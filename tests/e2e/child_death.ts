/** Children of a worker that die at a chosen moment (Linux). */

import assert from "node:assert/strict";
import type { MediaClip } from "../../bench/live_feed.ts";
import { until } from "../waiting.ts";
import { descendants, findDescendant } from "./children.ts";
import { CLIP, shownTicks } from "./clips.ts";
import type { ApiWorker, ChainStream } from "./harness.ts";

/** The worst moment: just after a keyframe, in a clip that has one a second. */
const KILL_BEFORE_FRAME = CLIP.fps + 2;

/**
 * Feeds a clip, and signals the child that has a word among its arguments when the pictures so far are out.
 * After SIGKILL the rest is fed when the worker has heard of it.
 */
export async function feedWithKill(
  stream: ChainStream,
  clip: MediaClip,
  { worker, word, signal = "SIGKILL" }: {
    readonly worker: ApiWorker;
    readonly word: string;
    readonly signal?: "SIGKILL" | "SIGSTOP";
  },
): Promise<void> {
  const killAt = shownTicks(clip)[KILL_BEFORE_FRAME];
  await stream.feed(clip, {
    beforePacket: async ({ kind, ptsTicks }) => {
      if (kind !== "video" || ptsTicks !== killAt) return;
      await until(() => stream.probe.video.length >= KILL_BEFORE_FRAME - 1, "output");
      await signalChild(worker.pid, { word, signal });
    },
  });
}

async function signalChild(
  root: number,
  { word, signal }: { readonly word: string; readonly signal: "SIGKILL" | "SIGSTOP" },
): Promise<void> {
  const pid = await findDescendant(root, word);
  assert.ok(pid !== undefined, `no child of the worker has ${word}`);
  Deno.kill(pid, signal);
  if (signal === "SIGSTOP") return;
  const isThere = async () => (await descendants(root)).some((entry) => entry.pid === pid);
  await until(async () => !await isThere(), "the end of the child");
}
