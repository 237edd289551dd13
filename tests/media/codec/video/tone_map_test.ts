/** Pictures of a high dynamic range: a table of colours gives what the filters of each picture would. */

import assert from "node:assert/strict";
import {
  findToneMapping,
  type ToneMapping,
  VideoDecoder,
} from "../../../../src/media/codec/mod.ts";
import type { Packet, PixelFormat, VideoStreamInfo } from "../../../../src/media/types.ts";
import { within } from "../../../waiting.ts";
import { FfmpegBatch } from "../../ffmpeg_batch.ts";
import { demuxAll, packetsOf, streamsOf } from "../../mpegts/fixtures.ts";
import { split, TIME_BASE } from "../helper.ts";

const batch = new FfmpegBatch();

/**
 * Colours of BT.709 up to three times as bright as white, with edges that overshoot what RGB holds, and
 * some of BT.2020. What the table gives is as near to what the filters give as this.
 */
const SOURCES = {
  colours: {
    dB: 34,
    source: "testsrc2=s=80x48:r=10:d=0.4,format=gbrp16,scale=320x192:flags=bilinear," +
      "setparams=range=pc:colorspace=gbr:color_primaries=bt709:color_trc=bt709",
  },
  gradients: {
    dB: 45,
    source: "gradients=s=320x192:r=10:d=0.4:n=6:seed=3,format=gbrp16," +
      "setparams=range=pc:colorspace=gbr:color_primaries=bt2020:color_trc=bt709",
  },
};

const CLIPS = (["smpte2084", "arib-std-b67"] as const).flatMap((transfer) =>
  Object.entries(SOURCES).map(([name, { source, dB }]) => {
    const coded = `zscale=p=bt2020:t=${transfer}:m=bt2020nc:r=tv:npl=600,format=yuv420p10le`;
    const x265 = "-c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=0:crf=8:" +
      `colorprim=bt2020:transfer=${transfer}:colormatrix=bt2020nc`;
    const args = `-f lavfi -i ${source},${coded} ${x265} -f mpegts pipe:1`;
    return { name: `${name} in ${transfer}`, made: batch.add(split(args)), dB };
  })
);

const mapping = await findToneMapping();
const lacksIt = mapping === undefined || mapping === "floats";

for (const { name, made, dB } of CLIPS) {
  for (const pixelFormat of ["i420", "rgb24"] as const) {
    Deno.test({
      name: `${name} are mapped to ${pixelFormat} by a table as by the filters`,
      ignore: lacksIt,
      async fn() {
        const events = demuxAll(await made());
        const stream = streamsOf(events).video!;
        // Also where times begin before 0, as they may in front of a wrap of the clock.
        const packets = packetsOf(events, "video").map((packet) => earlier(packet, 10_000_000));
        const [quick, exact] = await Promise.all([
          decoded(stream, packets, { toneMap: mapping!, pixelFormat }),
          decoded(stream, packets, { toneMap: "floats", pixelFormat }),
        ]);
        assert.equal(exact.length, 4);
        quick.forEach((picture, index) => {
          const psnr = psnrOf(picture, exact[index]!);
          assert.ok(psnr > dB, `picture ${index}: ${psnr} dB`);
        });
      },
    });
  }
}

function earlier(packet: Packet, ticks: number): Packet {
  const { ptsTicks, dtsTicks } = packet;
  return { ...packet, ptsTicks: ptsTicks - ticks, dtsTicks: dtsTicks - ticks };
}

/** Decodes pictures one by one: each comes out before the next goes in. */
async function decoded(
  stream: VideoStreamInfo,
  packets: readonly Packet[],
  { toneMap, pixelFormat }: { toneMap: ToneMapping; pixelFormat: PixelFormat },
): Promise<Uint8Array[]> {
  await using decoder = new VideoDecoder({
    stream: { ...stream, toneMap },
    timeBase: TIME_BASE,
    pixelFormat,
  });
  const frames = decoder.frames()[Symbol.asyncIterator]();
  const pictures: Uint8Array[] = [];
  for (const packet of packets) {
    await decoder.decode(packet);
    const { value: frame, done } = await within(frames.next(), "the picture");
    assert.ok(done !== true);
    assert.equal(frame.ptsTicks, packet.ptsTicks);
    pictures.push(frame.data.slice());
    frame.release();
  }
  await decoder.flush();
  assert.equal((await frames.next()).done, true);
  return pictures;
}

/** In dB, of 8 bits. */
function psnrOf(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  const squares = a.reduce((sum, value, index) => sum + (value - b[index]!) ** 2, 0);
  return 10 * Math.log10(255 ** 2 * a.length / Math.max(1, squares));
}
