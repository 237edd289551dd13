import assert from "node:assert/strict";
import { MpegTsMuxer } from "../../../src/media/mpegts/mod.ts";
import { StartWatch } from "../../../src/session/input/start_watch.ts";
import type { MediaEvent } from "../../../src/source/mod.ts";
import { type Clip, joined, silentClip, testClip } from "../clips.ts";
import { Rig } from "../rig.ts";

const SECOND = 90_000;

Deno.test("StartWatch reports what is missing after two seconds of input, and once", () => {
  const watch = new StartWatch(() => 0);
  assert.equal(watch.missing("keyframe", 100), undefined);
  assert.equal(watch.missing("keyframe", 99 + 2 * SECOND), undefined);
  const error = watch.missing("keyframe", 100 + 2 * SECOND);
  assert.match(error!.message, /^Cannot start decoding: 3 pictures in 2 s of input had neither /);
  assert.equal(watch.missing("keyframe", 9 * SECOND), undefined);
  // The next stop is another.
  assert.equal(watch.decoding(), undefined);
  assert.equal(watch.missing("keyframe", 20 * SECOND), undefined);
  assert.notEqual(watch.missing("keyframe", 22 * SECOND), undefined);
});

Deno.test("StartWatch begins anew where times jump back", () => {
  const watch = new StartWatch(() => 0);
  watch.missing("pictures", 1_000 * SECOND);
  assert.equal(watch.missing("pictures", 0), undefined);
  assert.notEqual(watch.missing("pictures", 2 * SECOND), undefined);
});

Deno.test("StartWatch reports a decoder that makes nothing of many pictures for two seconds", () => {
  let now = 0;
  const watch = new StartWatch(() => now);
  for (let i = 0; i < 200; i++) assert.equal(watch.decoding(), undefined);
  now = 2_000;
  assert.match(watch.decoding()!.message, /the decoder made nothing of the first 201/);
  assert.equal(watch.decoding(), undefined);
  const working = new StartWatch(() => now);
  working.decoding();
  working.decoded();
  now = 9_000;
  for (let i = 0; i < 200; i++) assert.equal(working.decoding(), undefined);
});

/** The packets of a clip that pass, in one segment that announces pictures. */
function segment(clip: Clip, passes: (event: MediaEvent & { kind: "packet" }) => boolean) {
  const streams = clip.events.find((event) => event.kind === "streams");
  const { video, audio } = streams!;
  const muxer = new MpegTsMuxer({ video: video!, ...(audio === undefined ? {} : { audio }) });
  const parts = [muxer.startSegment()];
  for (const event of clip.events) {
    if (event.kind === "packet" && passes(event)) parts.push(muxer.write(event.packet));
  }
  return joined(parts);
}

async function errorsOf(...segments: readonly Uint8Array[]): Promise<readonly string[]> {
  const rig = new Rig();
  rig.session.start();
  const [first, ...others] = segments;
  await rig.source.feedSegment(first!);
  for (const bytes of others) await rig.source.feedSegment(bytes, { skipped: 1 });
  rig.source.end();
  await rig.ended();
  return rig.errors;
}

Deno.test("an error says why no picture can be shown", async () => {
  const loud = await testClip({ seconds: 3 });
  const silent = await silentClip({ seconds: 3, gopSeconds: 10 });
  const [noPictures, noSets, noKeyframe] = [
    await errorsOf(segment(loud, ({ stream }) => stream === "audio")),
    await errorsOf(segment(silent, ({ packet }) => !packet.keyframe)),
    await errorsOf(
      segment(silent, ({ packet }) => packet.keyframe),
      segment(silent, ({ packet }) => !packet.keyframe),
    ),
  ];
  assert.match(noPictures.join("\n"), /^input: Cannot show pictures: the tables list them, .*$/);
  assert.match(
    noSets.join("\n"),
    /^input: Cannot start decoding: .* no sequence parameter set .*$/,
  );
  assert.match(noKeyframe.join("\n"), /^input: Cannot start decoding: .* neither an IDR .*$/);
});
