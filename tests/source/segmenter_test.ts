/** Media into segments, with writers that note, wait and fail. */

import assert from "node:assert/strict";
import { MpegTsDemuxer } from "../../src/media/mpegts/mod.ts";
import type { Packet } from "../../src/media/types.ts";
import {
  createTestMedia,
  type MediaEvent,
  type MediaSegmentWriter,
  writeSegments,
} from "../../src/source/mod.ts";
import { collect, complaints, packetsOf, replay } from "./media.ts";

/** Keeps what is written, one entry a segment. */
class Shelf {
  readonly segments: Uint8Array[][] = [];
  readonly log: string[] = [];
  /** Makes a step of a segment fail: `"write 1"`. */
  fails: ReadonlySet<string> = new Set();

  readonly open = (): Promise<MediaSegmentWriter> => {
    const index = this.segments.length;
    const pieces: Uint8Array[] = [];
    const step = (name: string): Promise<void> => {
      this.log.push(`${name} ${index}`);
      const failed = this.fails.has(`${name} ${index}`);
      return failed ? Promise.reject(new Error(`${name} ${index} failed`)) : Promise.resolve();
    };
    return step("open").then(() => {
      this.segments.push(pieces);
      return {
        write: (bytes) => {
          pieces.push(bytes);
          return this.fails.has(`write ${index}`)
            ? Promise.reject(new Error("refused"))
            : Promise.resolve();
        },
        close: () => step("close"),
        abandon: () => step("abandon"),
      };
    });
  };

  async bytes(index: number): Promise<Uint8Array> {
    return new Uint8Array(await new Blob(this.segments[index] as BlobPart[]).arrayBuffer());
  }
}

const cache = new Map<boolean, Promise<MediaEvent[]>>();

/** Two seconds with a keyframe each half second; made once. */
function media(audio = true): Promise<MediaEvent[]> {
  let events = cache.get(audio);
  if (events === undefined) {
    events = collect(
      createTestMedia({ width: 160, height: 128, fps: 20, seconds: 2, gopSeconds: 0.5, audio }),
    );
    cache.set(audio, events);
  }
  return events;
}

Deno.test("each keyframe begins a segment that plays alone", async () => {
  const shelf = new Shelf();
  const events = await media();
  const totals = await writeSegments(replay(events), shelf.open);
  assert.equal(totals.segments, 4);
  assert.equal(totals.failedSegments, 0);
  let bytes = 0;
  for (const index of shelf.segments.keys()) {
    const segment = await shelf.bytes(index);
    bytes += segment.length;
    const demuxer = new MpegTsDemuxer();
    const found = [...demuxer.push(segment), ...demuxer.flush()];
    const [first] = packetsOf(found);
    assert.ok(first?.kind === "video" && first.keyframe, `segment ${index}`);
    assert.equal(packetsOf(found, "video").length, 10);
    assert.equal(await complaints(segment), "");
  }
  assert.equal(totals.bytes, bytes);
  assert.equal(totals.packets + totals.droppedPackets, packetsOf(events).length);
  assert.deepEqual(shelf.log, [
    ...["open 0", "close 0", "open 1", "close 1", "open 2", "close 2", "open 3", "close 3"],
  ]);
});

Deno.test("what goes in comes out, from the first keyframe on", async () => {
  const shelf = new Shelf();
  const events = await media();
  const written: number[] = [];
  const totals = await writeSegments(replay(events), shelf.open, {
    onWritten: (packet) => written.push(packet.ptsTicks),
  });
  const demuxer = new MpegTsDemuxer();
  const found: MediaEvent[] = [];
  for (const index of shelf.segments.keys()) found.push(...demuxer.push(await shelf.bytes(index)));
  found.push(...demuxer.flush());
  const sent = packetsOf(events).slice(totals.droppedPackets);
  assert.deepEqual(packetsOf(found).map(outline), sent.map(outline));
  // The muxer may put a delimiter before a picture.
  for (const [index, { data }] of packetsOf(found).entries()) {
    assert.deepEqual(data.slice(-sent[index]!.data.length), sent[index]!.data);
  }
  assert.deepEqual(written, sent.map(({ ptsTicks }) => ptsTicks));
  // Only the sound before the first picture has no segment.
  assert.equal(totals.droppedPackets, 1);
});

function outline({ kind, ptsTicks, dtsTicks, keyframe }: Packet): unknown {
  return { kind, ptsTicks, dtsTicks, keyframe };
}

Deno.test("sound alone has a segment each two seconds, or as asked", async () => {
  const events = (await media()).flatMap((event): MediaEvent[] => {
    if (event.kind === "packet") return event.stream === "audio" ? [event] : [];
    if (event.kind !== "streams") return [event];
    const { video: _video, ...rest } = event;
    return [rest];
  });
  const shelf = new Shelf();
  const { segments, droppedPackets } = await writeSegments(replay(events), shelf.open, {
    audioSegmentSeconds: 0.5,
  });
  // 24 AAC frames are the first to last half a second.
  assert.deepEqual([segments, droppedPackets], [Math.ceil(packetsOf(events).length / 24), 0]);
  assert.equal((await writeSegments(replay(events), new Shelf().open)).segments, 2);
  for (const index of shelf.segments.keys()) {
    assert.equal(await complaints(await shelf.bytes(index)), "");
  }
});

Deno.test("a demuxer's packets before the first sound wait until the sound is known", async () => {
  const events = await media();
  const { audio, ...rest } = events.find((event) => event.kind === "streams")!;
  const unknown = { ...audio!, sampleRate: 0, channels: 0, extradata: new Uint8Array(0) };
  const packets = events.filter((event) => event.kind === "packet").slice(1);
  const late: MediaEvent[] = [
    { ...rest, audio: unknown },
    ...packets.slice(0, 10),
    { ...rest, audio: audio! },
    ...packets.slice(10),
  ];
  const shelf = new Shelf();
  const totals = await writeSegments(replay(late), shelf.open);
  assert.equal(totals.droppedPackets, 0);
  assert.equal(totals.packets, packets.length);
});

Deno.test("announced sound that never comes does not hold the picture up", async () => {
  const events = await media(false);
  const endless = Array.from({ length: 12 }, () => packetsEvents(events)).flat();
  const silent: MediaEvent = {
    ...events.find((event) => event.kind === "streams")!,
    audio: {
      kind: "audio",
      codec: "aac",
      sampleRate: 0,
      channels: 0,
      extradata: new Uint8Array(0),
    },
  };
  const shelf = new Shelf();
  const totals = await writeSegments(replay([silent, ...endless]), shelf.open);
  assert.equal(totals.packets, endless.length);
  const short = await writeSegments(replay([silent, ...packetsEvents(events)]), shelf.open);
  assert.equal(short.packets, 40);
});

function packetsEvents(events: readonly MediaEvent[]): readonly MediaEvent[] {
  return events.filter((event) => event.kind === "packet");
}

Deno.test("sound that joins later is in the tables of the next segment", async () => {
  const events = await media();
  const streams = events.find((event) => event.kind === "streams")!;
  const { audio: _audio, ...pictureOnly } = streams;
  const packets = packetsEvents(events);
  const shelf = new Shelf();
  await writeSegments(
    replay([pictureOnly, ...packets.slice(0, 40), streams, ...packets.slice(40)]),
    shelf.open,
  );
  const audioOf = async (index: number): Promise<number> =>
    packetsOf(new MpegTsDemuxer().push(await shelf.bytes(index)), "audio").length;
  assert.equal(await audioOf(0), 0);
  assert.ok(await audioOf(2) > 20);
});

Deno.test("a segment that fails is given up and the next keyframe goes on", async () => {
  const shelf = new Shelf();
  shelf.fails = new Set(["write 1", "close 2"]);
  const totals = await writeSegments(replay(await media(false)), shelf.open);
  assert.equal(totals.segments, 4);
  assert.equal(totals.failedSegments, 2);
  assert.equal(totals.droppedPackets, 10);
  assert.deepEqual(shelf.log, [
    ...["open 0", "close 0", "open 1", "abandon 1", "open 2", "close 2", "open 3", "close 3"],
  ]);
});

Deno.test("what the sink's end throws ends the writing", async () => {
  const shelf = new Shelf();
  shelf.fails = new Set(["open 2"]);
  await assert.rejects(writeSegments(replay(await media(false)), shelf.open), /open 2 failed/);
  assert.deepEqual(shelf.log.slice(-2), ["close 1", "open 2"]);
});

Deno.test("what the media throws gives the open segment up", async () => {
  const shelf = new Shelf();
  const events = await media(false);
  const failing = async function* (): AsyncGenerator<MediaEvent> {
    yield* replay(events.slice(0, 15));
    throw new Error("the camera is gone");
  };
  await assert.rejects(writeSegments(failing(), shelf.open), /the camera is gone/);
  assert.deepEqual(shelf.log, ["open 0", "close 0", "open 1", "abandon 1"]);
});

Deno.test("media without packets writes no segment", async () => {
  const shelf = new Shelf();
  const totals = await writeSegments(replay([]), shelf.open);
  assert.deepEqual(totals, {
    segments: 0,
    failedSegments: 0,
    packets: 0,
    droppedPackets: 0,
    bytes: 0,
  });
  assert.deepEqual(shelf.log, []);
});
