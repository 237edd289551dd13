/**
 * Measures what decoding and encoding add to the age of a picture: H.264 packets, paced in real
 * time, through `VideoDecoder` and `VideoEncoder`; from each packet handed over to the packet that
 * came of it. Source, decoder and encoder share the machine.
 *
 * Usage: `deno run -A bench/codec_bench.ts [seconds] [encoder threads,...] [transport]`
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { VideoDecoder, VideoEncoder } from "../src/media/codec/mod.ts";
import { rawTransport, type TransportKind } from "../src/media/codec/child/transport.ts";
import { NutDemuxer } from "../src/media/nut/mod.ts";
import type { Packet } from "../src/media/types.ts";

const SECONDS = Number(Deno.args[0] ?? 10);
const THREADS = (Deno.args[1] ?? "0").split(",").map(Number);
const TRANSPORT = (Deno.args[2] ?? rawTransport()) as TransportKind;
const TIME_BASE = { num: 1, den: 90_000 };
const CASES = [
  { width: 512, height: 512, fps: 24 },
  { width: 1280, height: 720, fps: 30 },
  { width: 1920, height: 1080, fps: 30 },
];

for (const size of CASES) {
  const packets = await makePackets(size);
  for (const threads of THREADS) {
    const { first, added, decoded, lost } = await measure(packets, { ...size, threads });
    console.log(
      `${size.width}x${size.height}@${size.fps} threads ${threads}: first after ` +
        `${first.toFixed(0)} ms; added p50 ${at(added, 0.5)} p95 ${at(added, 0.95)} max ` +
        `${at(added, 1)} ms; decoding alone p50 ${at(decoded, 0.5)} ms; lost ${lost}`,
    );
  }
}

type Size = typeof CASES[number];

async function makePackets({ width, height, fps }: Size): Promise<Packet[]> {
  const source = `testsrc2=s=${width}x${height}:r=${fps}`;
  const args = `-v error -f lavfi -i ${source} -t ${SECONDS} -c:v libx264 -preset superfast ` +
    `-tune zerolatency -pix_fmt yuv420p -g ${fps * 2} -flags -global_header -f nut pipe:1`;
  const { stdout } = await new Deno.Command("ffmpeg", { args: args.split(" ") }).output();
  const events = new NutDemuxer().push(stdout);
  return events.filter((event) => event.kind === "packet").map(({ data, keyframe }, i) => {
    const ptsTicks = 126_000 + Math.round(i * 90_000 / fps);
    return { kind: "video", ptsTicks, dtsTicks: ptsTicks, keyframe, data };
  });
}

interface Result {
  readonly first: number;
  readonly added: number[];
  readonly decoded: number[];
  readonly lost: number;
}

async function measure(
  packets: readonly Packet[],
  options: Size & { readonly threads: number },
): Promise<Result> {
  const { width, height, fps, threads } = options;
  const transport = TRANSPORT;
  const color = { matrix: "bt709", fullRange: false } as const;
  const size = { width, height, reorderDepth: 0, color } as const;
  const stream = { kind: "video", codec: "h264", ...size } as const;
  await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, transport });
  const settings = { timeBase: TIME_BASE, frameRate: fps, threads, transport };
  await using encoder = new VideoEncoder(settings);
  const sentAt = new Map<number, number>();
  const added: number[] = [];
  const decoded: number[] = [];
  let first = 0;
  const start = performance.now();
  const encoding = (async () => {
    for await (const frame of decoder.frames()) {
      decoded.push(performance.now() - sentAt.get(frame.ptsTicks)!);
      await encoder.encode(frame);
      frame.release();
    }
    await encoder.flush();
  })();
  const reading = (async () => {
    for await (const packet of encoder.packets()) {
      first ||= performance.now() - start;
      added.push(performance.now() - sentAt.get(packet.ptsTicks)!);
    }
  })();
  for (const [i, packet] of packets.entries()) {
    const wait = start + i * 1000 / fps - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    sentAt.set(packet.ptsTicks, performance.now());
    await decoder.decode(packet);
  }
  await decoder.flush();
  await Promise.all([encoding, reading]);
  // The first second starts the children up.
  const steady = (delays: number[]) => delays.slice(fps).sort((a, b) => a - b);
  const lost = packets.length - added.length;
  return { first, added: steady(added), decoded: steady(decoded), lost };
}

function at(sorted: readonly number[], share: number): string {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1);
}
