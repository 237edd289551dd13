import assert from "node:assert/strict";
import { VideoDecoder, VideoEncoder } from "../../../src/media/codec/mod.ts";
import type { Spawn } from "../../../src/media/codec/mod.ts";
import { until } from "../../waiting.ts";
import { collect, makeVideo, shownPts, TIME_BASE } from "./helper.ts";

/**
 * Starts ffmpeg only when others have connected to the port that it is told to: one that writes, one that
 * left again, one that stays and says nothing.
 */
function withStrangers(count = 3): { spawn: Spawn; connected: Promise<Deno.TcpConn[]> } {
  const connected = Promise.withResolvers<Deno.TcpConn[]>();
  const connect = async (port: number): Promise<void> => {
    const strangers = await Promise.all(
      Array.from({ length: count }, () => Deno.connect({ port })),
    );
    strangers.pop()!.close();
    await strangers[0]!.write(new TextEncoder().encode("nut/multimedia container\0 or not"));
    connected.resolve(strangers);
  };
  const spawn: Spawn = (command, options) => {
    const url = options.args!.find((arg) => arg.startsWith("tcp://127.0.0.1:"))!;
    const go = Deno.makeTempDirSync();
    connect(Number(new URL(url).port)).finally(() => Deno.remove(go)).catch(connected.reject);
    const script = 'while [ -e "$0" ]; do sleep 0.01; done; exec "$@"';
    return new Deno.Command("sh", {
      ...options,
      args: ["-c", script, go, command as string, ...options.args!],
    }).spawn();
  };
  return { spawn, connected: connected.promise };
}

const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test("VideoDecoder reads pictures from its child alone", onLinux, async () => {
  const { stream, packets } = await makeVideo();
  const { spawn, connected } = withStrangers();
  await using decoder = new VideoDecoder({
    stream,
    timeBase: TIME_BASE,
    transport: "tcp",
    spawn,
  });
  const { items, done } = collect(decoder.frames());
  for (const packet of packets) await decoder.decode(packet);
  await decoder.flush();
  await done;
  assert.deepEqual(items.map((frame) => frame.ptsTicks), shownPts(packets));
  assert.equal(decoder.stats.restarts, 0);
  for (const stranger of await connected) stranger.close();
});

Deno.test(
  "VideoDecoder finds its child among many strangers that stay and say nothing",
  onLinux,
  async () => {
    const { stream, packets } = await makeVideo();
    const { spawn, connected } = withStrangers(150);
    await using decoder = new VideoDecoder({
      stream,
      timeBase: TIME_BASE,
      transport: "tcp",
      spawn,
    });
    const { items, done } = collect(decoder.frames());
    for (const packet of packets) await decoder.decode(packet);
    await until(() => items.length > 0, "pictures");
    await decoder.flush();
    await done;
    assert.deepEqual(items.map((frame) => frame.ptsTicks), shownPts(packets));
    assert.equal(decoder.stats.restarts, 0);
    for (const stranger of await connected) stranger.close();
  },
);

Deno.test("VideoDecoder uses pipes where there is no port to listen on", async () => {
  const { stream, packets } = await makeVideo();
  const listen = Deno.listen;
  Object.assign(Deno, {
    listen: () => {
      throw new Deno.errors.AddrNotAvailable("no port is left");
    },
  });
  try {
    await using decoder = new VideoDecoder({ stream, timeBase: TIME_BASE, transport: "tcp" });
    const { items, done } = collect(decoder.frames());
    for (const packet of packets) await decoder.decode(packet);
    await decoder.flush();
    await done;
    assert.deepEqual(items.map((frame) => frame.ptsTicks), shownPts(packets));
  } finally {
    Object.assign(Deno, { listen });
  }
});

Deno.test("VideoEncoder writes pictures to its child alone", onLinux, async () => {
  const { spawn, connected } = withStrangers();
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, transport: "tcp", spawn });
  const { items, done } = collect(encoder.packets());
  const data = new Uint8Array(64 * 48 * 1.5);
  for (let i = 0; i < 5; i++) {
    const ptsTicks = i * 3000;
    await encoder.encode({ width: 64, height: 48, pixelFormat: "i420", data, ptsTicks });
  }
  await encoder.flush();
  await done;
  assert.deepEqual(items.map(({ ptsTicks }) => ptsTicks), [0, 3000, 6000, 9000, 12000]);
  assert.equal(encoder.stats.restarts, 0);
  for (const stranger of await connected) {
    const got = await stranger.read(new Uint8Array(64)).catch(() => null);
    assert.equal(got, null, "a stranger got a picture");
    stranger.close();
  }
});
