/** What goes wrong in the chaos run. */

import { descendants, readIfThere } from "../children.ts";
import { delay } from "../../waiting.ts";
import type { ChannelKind, ChaosStream } from "./chaos_stream.ts";
import type { Refusal } from "./refusing_server.ts";
import type { ChaosRig } from "./rig.ts";
import type { Weather } from "./faulty_proxy.ts";

/** A kind of fault. */
export interface Fault {
  readonly name: string;
  /** Makes it happen to a stream, and resolves when it is over, but for what it leads to. */
  run(stream: ChaosStream, rig: ChaosRig): Promise<void>;
}

/** A word in the arguments of each kind of child. */
const CHILDREN = { decoder: "rawvideo", encoder: "libx264", transcoder: "libopus" } as const;
/** The worker takes less to find a child that hangs. */
const MAX_HANG_MS = 8_000;
const HOUR_TICKS = 3_600 * 90_000;
/** Requests that change parameters, one after the other. */
const FLOOD = 40;

/** All kinds, each as likely as the others. */
export const FAULTS: readonly Fault[] = [
  ...(["decoder", "encoder", "transcoder"] as const).flatMap((child): Fault[] => [
    {
      name: `kill ${child}`,
      run: async (stream, rig) => {
        await signalChild(stream, rig, child, "SIGKILL");
      },
    },
    {
      name: `stop ${child}`,
      run: async (stream, rig) => {
        const pid = await signalChild(stream, rig, child, "SIGSTOP");
        if (pid !== undefined) await untilEnded(pid, rig);
      },
    },
    {
      name: `suspend ${child}`,
      run: async (stream, rig) => {
        await signalChild(stream, rig, child, "SIGSTOP");
        await delay(200 + rig.random(1_000));
        await continueChildren(rig.worker.pid);
      },
    },
  ]),
  ...(["input", "output", "side"] as const).flatMap((way): Fault[] => [
    {
      name: `cut ${way}`,
      run: async ({ network }, { random }) => {
        for (let cuts = 1 + random(3); cuts > 0; cuts--) {
          network[way].cut();
          await delay(random(200));
        }
      },
    },
    {
      name: `refuse ${way}`,
      run: async (stream, rig) => {
        stream.network[way].weather = "refusing";
        stream.network[way].cut();
        await delay(200 + rig.random(2_500));
        stream.network[way].weather = "fine";
      },
    },
    weather("stall", way, "standing"),
    weather("slow", way, "slow"),
  ]),
  ...([500, 404, 413] as const).flatMap((status): Fault[] => [
    refusal("input", { method: "GET", status }),
    refusal("output", { method: "POST", status }),
  ]),
  refusal("side", { method: "POST", status: 503 }),
  ...(["input", "output", "control", "events", "data"] as const).map((kind): Fault => ({
    name: `delete ${kind}`,
    run: (stream) => {
      stream.recreate(kind);
      return Promise.resolve();
    },
  })),
  {
    name: "garbage",
    run: (stream, { random }) => {
      const bytes = Uint8Array.from({ length: 1 + random(100_000) }, () => random(256));
      // Some of it looks like packets of a transport stream.
      if (random(2) === 0) { for (let at = 0; at < bytes.length; at += 188) bytes[at] = 0x47; }
      return spoiled(stream, { kind: "garbage", bytes });
    },
  },
  {
    name: "truncated",
    run: (stream, { random }) => spoiled(stream, { kind: "truncated", after: random(4_000) }),
  },
  {
    name: "flipped bytes",
    run: (stream, { random }) => spoiled(stream, { kind: "flipped", every: 50 + random(5_000) }),
  },
  {
    name: "clock jump",
    run: (stream, { random }) => {
      const jumps = [HOUR_TICKS, 3 * 90_000, 90_000 / 4, -10 * 90_000, 2 ** 33 - HOUR_TICKS];
      stream.feed.jump(jumps[random(jumps.length)]!);
      return nextSegments(stream);
    },
  },
  {
    name: "size change",
    run: (stream, { clips, random }) => {
      stream.feed.clip = clips[random(clips.length)]!;
      return nextSegments(stream);
    },
  },
  {
    name: "silence",
    run: async (stream, { random }) => {
      stream.feed.isSilent = true;
      await delay(200 + random(2_000));
      stream.feed.isSilent = false;
    },
  },
  {
    name: "params flood",
    run: async (stream, { random, worker }) => {
      for (let i = 0; i < FLOOD; i++) {
        const params = [
          { i, text: "x".repeat(random(1_000)) },
          { width: 128 + 2 * random(64), height: 128 + 2 * random(32) },
          { max_framerate: 1 + random(60) },
          { show_loading: random(2) === 0 },
          { width: "wide" },
        ][random(5)];
        if (random(3) === 0) await stream.control(JSON.stringify(params));
        else {
          await worker.call("/stream/params", { gateway_request_id: stream.name, params });
        }
      }
      await worker.call("/stream/params", {
        gateway_request_id: stream.name,
        params: { max_framerate: 60, show_loading: false, width: 192, height: 144 },
      });
    },
  },
  {
    name: "control garbage",
    run: async (stream, { random }) => {
      await stream.control("[".repeat(1 + random(10_000)));
      await stream.control(JSON.stringify(["no object"]));
    },
  },
  {
    name: "stop",
    run: async (stream, { worker }) => {
      await worker.call("/stream/stop", { gateway_request_id: stream.name });
    },
  },
  {
    name: "stop twice, start at once",
    run: async (stream, { worker }) => {
      const body = { gateway_request_id: stream.name };
      const stops = [0, 1].map(() => worker.call("/stream/stop", body));
      await worker.call("/stream/start", { ...body, subscribe_url: "http://127.0.0.1:1/a" });
      await Promise.all(stops);
    },
  },
  {
    name: "end of input",
    run: (stream) => {
      stream.endInput();
      return Promise.resolve();
    },
  },
  {
    name: "slow reader",
    run: async (stream, { server, random }) => {
      const abort = new AbortController();
      const { signal } = abort;
      const response = await fetch(`${server.channelUrl(stream.channel("output"))}/current`, {
        signal,
      }).catch(() => undefined);
      await delay(200 + random(1_000));
      abort.abort();
      await response?.body?.cancel().catch(() => {});
    },
  },
  {
    name: "suspend worker",
    run: async (_, { worker, random }) => {
      Deno.kill(worker.pid, "SIGSTOP");
      await delay(1_000 + random(2_000));
      Deno.kill(worker.pid, "SIGCONT");
    },
  },
  {
    name: "full disk",
    run: async (stream, rig) => {
      rig.disk("full");
      try {
        // New children are needed while nothing can be written.
        await signalChild(stream, rig, "decoder", "SIGKILL");
        await signalChild(stream, rig, "encoder", "SIGKILL");
        await delay(200 + rig.random(1_000));
      } finally {
        rig.disk("free");
      }
    },
  },
];

function weather(name: string, way: "input" | "output" | "side", kind: Weather): Fault {
  return {
    name: `${name} ${way}`,
    run: async ({ network }, { random }) => {
      network[way].weather = kind;
      await delay(200 + random(2_000));
      network[way].weather = "fine";
    },
  };
}

function refusal(
  way: "input" | "output" | "side",
  { method, status }: Pick<Refusal, "method" | "status">,
): Fault {
  return {
    name: `${status} ${way}`,
    run: async (stream, { server, random }) => {
      const kinds: readonly ChannelKind[] = way === "side" ? ["events", "data"] : [way];
      const names = kinds.map((kind) => stream.channel(kind)).join("|");
      server.refusal = { channel: new RegExp(`^/(${names})/`), method, status };
      // Requests that are under way are not refused: new ones are needed.
      if (random(2) === 0) stream.network[way].cut();
      await delay(200 + random(1_500));
      server.refusal = undefined;
    },
  };
}

function spoiled(stream: ChaosStream, spoil: Parameters<ChaosStream["feed"]["spoil"]>[0]) {
  stream.feed.spoil(spoil);
  return nextSegments(stream);
}

/** Waits until two more segments were fed, or as long as those take. */
async function nextSegments(stream: ChaosStream): Promise<void> {
  const { feed } = stream;
  const pictures = feed.clip.packets.filter(({ kind }) => kind === "video").length;
  const begin = feed.fedPictures;
  const untilMs = performance.now() + 4_000;
  while (feed.fedPictures < begin + 2 * pictures && performance.now() < untilMs) await delay(10);
}

/** Waits until the worker has ended a child that it finds hanging; one that it needs not goes on. */
async function untilEnded(pid: number, { worker }: ChaosRig): Promise<void> {
  const untilMs = performance.now() + MAX_HANG_MS;
  while (performance.now() < untilMs) {
    if (!(await descendants(worker.pid)).some((child) => child.pid === pid)) return;
    await delay(50);
  }
  kill(pid, "SIGCONT");
}

/**
 * Signals the child of a kind that belongs to a stream, as far as can be told: any one of its kind.
 * Resolves to its process id.
 */
async function signalChild(
  { index }: ChaosStream,
  { worker }: ChaosRig,
  child: keyof typeof CHILDREN,
  signal: "SIGKILL" | "SIGSTOP",
): Promise<number | undefined> {
  const found: number[] = [];
  for (const { pid, name } of await descendants(worker.pid)) {
    if (name !== "ffmpeg") continue;
    const words = (await readIfThere(`/proc/${pid}/cmdline`)).split("\0");
    if (words.includes(CHILDREN[child])) found.push(pid);
  }
  const pid = found[index % Math.max(1, found.length)];
  if (pid !== undefined) kill(pid, signal);
  return pid;
}

async function continueChildren(root: number): Promise<void> {
  for (const { pid, name } of await descendants(root)) if (name === "ffmpeg") kill(pid, "SIGCONT");
}

function kill(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // It may have ended by itself meanwhile.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
