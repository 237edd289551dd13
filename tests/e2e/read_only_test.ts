/** Processors that only look, through a whole worker: in its thread, and apart from it. */

import assert from "node:assert/strict";
import type { MediaClip } from "../../bench/live_feed.ts";
import type { Packet } from "../../src/media/types.ts";
import { demux } from "../session/clips.ts";
import { feedWithKill } from "./child_death.ts";
import { findDescendant } from "./children.ts";
import { makeTestClip, shownTicks } from "./clips.ts";
import { Chain, type StreamOutput } from "./harness.ts";

const PROCESSOR = new URL("./processors/onlooker.ts", import.meta.url).pathname;

function videoOf(packets: readonly Packet[]): Pick<Packet, "ptsTicks" | "dtsTicks" | "data">[] {
  return packets.filter(({ kind }) => kind === "video")
    .map(({ ptsTicks, dtsTicks, data }) => ({ ptsTicks, dtsTicks, data: withoutDelimiter(data) }));
}

/** MPEG-TS has an access unit delimiter in front of each picture, and the encoder of the clip has none. */
function withoutDelimiter(unit: Uint8Array): Uint8Array {
  return unit[4] === 9 ? unit.subarray(6) : unit;
}

function soundOf(packets: readonly Packet[]): Pick<Packet, "ptsTicks" | "data">[] {
  return packets.filter(({ kind }) => kind === "audio")
    .map(({ ptsTicks, data }) => ({ ptsTicks, data }));
}

/** Runs a clip and looks for an encoder meanwhile. */
async function runLooking(
  chain: Chain,
  clip: MediaClip,
): Promise<{ readonly output: StreamOutput; readonly encoder: number | undefined }> {
  await using stream = await chain.open();
  let encoder: number | undefined;
  let packets = 0;
  await stream.feed(clip, {
    beforePacket: async () => {
      if (packets++ % 20 === 19) encoder ??= await findDescendant(chain.worker.pid, "libx264");
    },
  });
  return { output: await stream.end(), encoder };
}

for (const isolate of ["none", "thread", "process"]) {
  Deno.test(`--isolate ${isolate}: pictures and sound are copied beside a processor that only looks`, async () => {
    const clip = await makeTestClip();
    // Sound before the first picture is in no segment of the feed.
    const fed = clip.packets.slice(clip.packets.findIndex(({ kind }) => kind === "video"));
    await using chain = await Chain.start(
      ...["--isolate", isolate, "--processor", PROCESSOR, "--audio-codec", "source"],
      ...["--target-fps", "60", "--log-level", "info"],
    );
    const isSaid = chain.worker.log.some((line) => line.includes("and only looks"));
    assert.ok(isSaid, chain.worker.log.join("\n"));
    for (let run = 0; run < 2; run++) {
      const { output, encoder } = await runLooking(chain, clip);
      const packets = demux(output.bytes);
      assert.deepEqual(videoOf(packets), videoOf(clip.packets));
      assert.deepEqual(soundOf(packets), soundOf(fed));
      assert.equal(encoder, undefined);
      const metrics = await chain.metrics();
      const frames = videoOf(clip.packets).length;
      assert.equal(metrics.frames_copied, frames);
      assert.equal(metrics.frames_out, frames);
      assert.equal(metrics.frames_processed, frames);
      assert.equal(metrics.frames_dropped + metrics.frames_unseen, 0);
      assert.equal(metrics.audio_packets_unheard, 0);
      assert.equal(metrics.error_count, 0);
      assert.equal(metrics.processor["seen"], frames * (run + 1));
      assert.equal(metrics.processor["heard"], metrics.audio_packets_in * (run + 1));
    }
  });
}

Deno.test({
  name: "a decoder that dies costs the output nothing where the processor only looks",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using chain = await Chain.startHere(PROCESSOR, { audioCodec: "source", targetFps: 60 });
    const clip = await makeTestClip();
    await using stream = await chain.open();
    await feedWithKill(stream, clip, { worker: chain.worker, word: "rawvideo" });
    const { bytes } = await stream.end();
    assert.deepEqual(videoOf(demux(bytes)).map(({ ptsTicks }) => ptsTicks), shownTicks(clip));
    const metrics = await chain.metrics();
    assert.equal(metrics.codec_restarts, 1);
    assert.equal(metrics.frames_dropped, 0);
    assert.ok((metrics.frames_unseen_by_reason.decoder ?? 0) > 0);
    assert.equal(metrics.frames_copied, metrics.frames_processed + metrics.frames_unseen);
  },
});
