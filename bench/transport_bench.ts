/**
 * Measures the transports of `src/media/codec/child/transport.ts` with real frames: H.264 into an ffmpeg
 * child, I420 frames in NUT out of it, over each transport. Prints, per picture size: the time from
 * the access unit written to the whole frame here (one at a time), the frame rate flat out, and the
 * CPU time per frame of the child and of this process.
 *
 * Usage: `deno run -A bench/transport_bench.ts [frames]`
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { NutDemuxer, NutMuxer, type NutPacketEvent } from "../src/media/nut/mod.ts";
import {
  type ByteSource,
  openOutput,
  type TransportKind,
} from "../src/media/codec/child/transport.ts";

const FRAMES = Number(Deno.args[0] ?? 300);
const SIZES = [[512, 512], [1280, 720], [1920, 1080]] as const;
const DECODE = "-hide_banner -loglevel error -nostdin -copyts -probesize 32 -analyzeduration 0 " +
  "-flags low_delay -threads 1 -f nut -i pipe:0 -map 0 -threads 1 -c:v rawvideo " +
  "-pix_fmt yuv420p -fps_mode passthrough -enc_time_base 1:90000 -write_index 0 -f nut -y";

for (const [width, height] of SIZES) {
  const packets = await makePackets(width, height);
  for (const kind of ["pipe", "unix", "tcp"] as const) {
    const paced = await measure(kind, { width, height, packets, inFlight: 1 });
    const full = await measure(kind, { width, height, packets, inFlight: 30 });
    console.log(
      `${width}x${height} ${kind.padEnd(4)} delay p50 ${paced.p50.toFixed(2)} p95 ` +
        `${paced.p95.toFixed(2)} ms; flat out ${full.fps.toFixed(0)} fps ` +
        `(${(full.fps * width * height * 1.5 / 1e9).toFixed(2)} GB/s); CPU per frame: ` +
        `ffmpeg ${full.childMs.toFixed(2)} ms, deno ${full.ownMs.toFixed(2)} ms`,
    );
  }
}

interface Trial {
  readonly width: number;
  readonly height: number;
  readonly packets: readonly NutPacketEvent[];
  readonly inFlight: number;
}

interface Figures {
  readonly p50: number;
  readonly p95: number;
  readonly fps: number;
  readonly childMs: number;
  readonly ownMs: number;
}

async function makePackets(width: number, height: number): Promise<NutPacketEvent[]> {
  const source = `testsrc2=s=${width}x${height}:r=30`;
  const args = ["-v", "error", "-f", "lavfi", "-i", source, "-frames:v", `${FRAMES}`];
  const encode = ["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-pix_fmt"];
  const nut = ["yuv420p", "-flags", "-global_header", "-f", "nut", "pipe:1"];
  const { stdout } = await new Deno.Command("ffmpeg", { args: [...args, ...encode, ...nut] })
    .output();
  return new NutDemuxer().push(stdout).filter((event) => event.kind === "packet");
}

async function measure(kind: TransportKind, trial: Trial): Promise<Figures> {
  const output = openOutput(kind);
  const child = new Deno.Command("ffmpeg", {
    args: [...DECODE.split(" "), output.url],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  if (kind !== "pipe") await child.stdout.cancel();
  const timeBase = { num: 1, den: 90_000 };
  const { width, height } = trial;
  const video = { kind: "video", format: "h264", timeBase, width, height } as const;
  const muxer = new NutMuxer([video], { syncpoints: "first-packet" });
  const writer = child.stdin.getWriter();
  await writer.write(muxer.header());
  const sentAt: number[] = [];
  const delays: number[] = [];
  let room: PromiseWithResolvers<void> | undefined;
  const cpu = { own: 0, child: 0, at: 0 };
  const reading = output.connect(child).then((source) =>
    readFrames(source, width * height * 1.5, () => {
      delays.push(performance.now() - sentAt[delays.length]!);
      room?.resolve();
    })
  );
  for (const [i, packet] of trial.packets.entries()) {
    while (i - delays.length >= trial.inFlight) {
      room = Promise.withResolvers();
      await room.promise;
    }
    // The first frames start the child up.
    if (i === 30) Object.assign(cpu, snapshot(child.pid), { at: performance.now() });
    sentAt.push(performance.now());
    for (const chunk of muxer.packet(packet)) await writer.write(chunk);
  }
  while (delays.length < trial.packets.length) {
    room = Promise.withResolvers();
    await room.promise;
  }
  const end = snapshot(child.pid);
  const counted = trial.packets.length - 30;
  const fps = counted / (performance.now() - cpu.at) * 1000;
  await writer.close();
  await reading;
  await child.status;
  const sorted = delays.slice(30).sort((a, b) => a - b);
  return {
    p50: sorted[Math.floor(sorted.length * 0.5)]!,
    p95: sorted[Math.floor(sorted.length * 0.95)]!,
    fps,
    childMs: (end.child - cpu.child) / counted,
    ownMs: (end.own - cpu.own) / counted,
  };
}

async function readFrames(source: ByteSource, bytes: number, onFrame: () => void): Promise<void> {
  const buffers = [new Uint8Array(bytes), new Uint8Array(bytes)];
  let turn = 0;
  const demuxer = new NutDemuxer({ allocate: () => buffers[turn++ % 2]! });
  for (;;) {
    const wanted = demuxer.wanted;
    const read = await source.read(wanted);
    if (read === undefined) break;
    if (read.buffer === wanted?.buffer) {
      if (demuxer.advance(read.length) !== undefined) onFrame();
    } else {
      for (const event of demuxer.push(read)) if (event.kind === "packet") onFrame();
    }
  }
  source.close();
}

/** CPU time so far, in milliseconds (the kernel counts in ticks of 10 ms). */
function snapshot(pid: number): { own: number; child: number } {
  const ofProcess = (who: string): number => {
    const fields = Deno.readTextFileSync(`/proc/${who}/stat`).split(") ")[1]!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  return { own: ofProcess("self"), child: ofProcess(`${pid}`) };
}
