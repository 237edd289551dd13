import assert from "node:assert/strict";
import { ChildWatch, type ChildWork } from "../../../../src/media/codec/child/child_watch.ts";
import { activityOf, processTree } from "../../../../src/media/codec/child/proc.ts";
import { AudioTranscoder, VideoDecoder, VideoEncoder } from "../../../../src/media/codec/mod.ts";
import { ManualClock } from "../../../trickle/manual_clock.ts";
import { collect, makeAudio, makeVideo, TIME_BASE } from "../helper.ts";
import { until } from "../../../waiting.ts";

const onLinux = { ignore: Deno.build.os !== "linux" };

/** A process that does what a shell script says, and a watch of it that only the test's clock moves. */
class Watched implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly found: string[] = [];
  readonly child: Deno.ChildProcess;
  work: ChildWork = { given: 1, isWriting: false, isDue: true, outputs: 0, isRead: true };
  readonly #watch: ChildWatch;

  constructor(script: string) {
    const args = ["-c", script];
    this.child = new Deno.Command("sh", { args, stdin: "piped", stdout: "null" }).spawn();
    this.#watch = new ChildWatch({
      pid: this.child.pid,
      clock: this.clock,
      hangAfterMs: 1_000,
      work: () => this.work,
      onHang: (found) => this.found.push(found),
    });
  }

  /** Waits until it sleeps at its input. */
  async settled(): Promise<void> {
    let before = -1;
    await until(() => {
      const activity = activityOf(this.child.pid);
      const isSettled = activity?.isAsleep === true && activity.cpuNs === before;
      before = activity?.cpuNs ?? -1;
      return isSettled;
    }, "a child that waits");
  }

  /** Lets time pass in which the child can go on. */
  async pass(looks: number, atEach: () => void | Promise<void> = () => {}): Promise<void> {
    for (let i = 0; i < looks; i++) {
      await atEach();
      this.clock.advance(100);
    }
  }

  give(): void {
    this.work = { ...this.work, given: this.work.given + 1 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    // A shell that is killed would leave what it runs.
    for (const pid of processTree(this.child.pid)) Deno.kill(pid, "SIGKILL");
    await this.child.stdin.abort().catch(() => {});
    await this.child.status;
  }
}

Deno.test("ChildWatch finds a child that is stopped while it has work", onLinux, async () => {
  await using watched = new Watched("exec cat");
  await watched.settled();
  watched.child.kill("SIGSTOP");
  await until(() => activityOf(watched.child.pid)?.isStopped === true, "the stop");
  watched.work = { ...watched.work, isDue: false };
  await watched.pass(40);
  assert.deepEqual(watched.found, [], "it has nothing to do");
  watched.work = { ...watched.work, isDue: true };
  await watched.pass(9);
  assert.deepEqual(watched.found, []);
  await watched.pass(2);
  assert.deepEqual(watched.found, ["it is stopped"]);
});

Deno.test("ChildWatch finds a child that sleeps over its input", onLinux, async () => {
  await using watched = new Watched("exec sleep 600");
  await watched.settled();
  await watched.pass(11, () => watched.give());
  assert.deepEqual(watched.found, []);
  await watched.pass(2, () => watched.give());
  assert.deepEqual(watched.found, ["it does not read its input"]);
});

Deno.test("ChildWatch finds a child that does not take what is written", onLinux, async () => {
  await using watched = new Watched("exec sleep 600");
  await watched.settled();
  watched.work = { ...watched.work, isWriting: true };
  await watched.pass(13);
  assert.deepEqual(watched.found, ["it does not read its input"]);
});

Deno.test("ChildWatch leaves a child alone that waits for input", onLinux, async () => {
  await using watched = new Watched("exec cat");
  await watched.settled();
  await watched.pass(100);
  assert.deepEqual(watched.found, []);
});

Deno.test("ChildWatch leaves a child alone that reads and gives nothing", onLinux, async () => {
  await using watched = new Watched("exec cat");
  const writer = watched.child.stdin.getWriter();
  await watched.settled();
  await watched.pass(40, async () => {
    const before = activityOf(watched.child.pid)!.cpuNs;
    await writer.write(new Uint8Array(8));
    watched.give();
    await until(() => activityOf(watched.child.pid)!.cpuNs !== before, "a read");
  });
  assert.deepEqual(watched.found, []);
  writer.releaseLock();
});

Deno.test(
  "ChildWatch leaves a child alone that computes, also below a shell",
  onLinux,
  async () => {
    for (const script of ["while :; do :; done", "(while :; do :; done); exit"]) {
      await using watched = new Watched(script);
      await until(() => (activityOf(watched.child.pid)?.cpuNs ?? 0) > 30e6, "work");
      await watched.pass(40, () => watched.give());
      assert.deepEqual(watched.found, []);
    }
  },
);

Deno.test("ChildWatch leaves a child alone whose output nobody reads", onLinux, async () => {
  await using watched = new Watched("exec sleep 600");
  await watched.settled();
  watched.work = { ...watched.work, isRead: false };
  await watched.pass(40, () => watched.give());
  assert.deepEqual(watched.found, []);
});

const WATCH = { hangAfterMs: 200 };

Deno.test("VideoDecoder replaces a child that hangs, at the next keyframe", onLinux, async () => {
  const { stream, packets } = await makeVideo({
    frames: 20,
    encode: "-c:v libx264 -tune zerolatency -g 10",
  });
  const errors: string[] = [];
  await using decoder = new VideoDecoder({
    stream,
    timeBase: TIME_BASE,
    watch: WATCH,
    onHang: ({ code }) => errors.push(code),
  });
  const { items } = collect(decoder.frames());
  for (const packet of packets.slice(0, 5)) await decoder.decode(packet);
  await until(() => items.length === 5, "pictures");
  Deno.kill(decoder.pid!, "SIGSTOP");
  for (const packet of packets.slice(5, 10)) await decoder.decode(packet);
  await until(() => decoder.stats.hangs === 1, "the hang");
  for (const packet of packets.slice(10)) await decoder.decode(packet);
  await decoder.flush();
  assert.deepEqual(
    items.map(({ ptsTicks }) => ptsTicks),
    [...packets.slice(0, 5), ...packets.slice(10)].map(({ ptsTicks }) => ptsTicks),
  );
  assert.deepEqual(errors, ["FFMPEG_HANG"]);
  assert.equal(decoder.stats.restarts, 1);
  assert.equal(decoder.stats.lostPackets, 5);
});

Deno.test("VideoEncoder replaces a child that hangs", onLinux, async () => {
  await using encoder = new VideoEncoder({ timeBase: TIME_BASE, watch: WATCH });
  const { items } = collect(encoder.packets());
  const shape = { width: 64, height: 48, pixelFormat: "i420" } as const;
  const encode = (ptsTicks: number): Promise<void> =>
    encoder.encode({ ...shape, ptsTicks, data: new Uint8Array(64 * 48 * 1.5) });
  await encode(0);
  await until(() => items.length === 1, "a packet");
  Deno.kill(encoder.pid!, "SIGSTOP");
  await encode(3000);
  await until(() => encoder.stats.hangs === 1, "the hang");
  await encode(6000);
  await encoder.flush();
  assert.deepEqual(items.map(({ ptsTicks }) => ptsTicks), [0, 6000]);
  assert.ok(items[1]!.keyframe);
});

Deno.test("AudioTranscoder replaces a child that hangs, also at its end", onLinux, async () => {
  const { stream, packets } = await makeAudio({ encode: "-c:a aac" });
  await using transcoder = new AudioTranscoder({ stream, timeBase: TIME_BASE, watch: WATCH });
  const { items } = collect(transcoder.packets());
  for (const packet of packets.slice(0, 10)) await transcoder.transcode(packet);
  await until(() => items.length > 0, "sound");
  Deno.kill(transcoder.pid!, "SIGSTOP");
  for (const packet of packets.slice(10, 20)) await transcoder.transcode(packet);
  await until(() => transcoder.stats.hangs === 1, "the hang");
  const before = items.length;
  for (const packet of packets.slice(20)) await transcoder.transcode(packet);
  await until(() => items.length > before + 10, "sound");
  Deno.kill(transcoder.pid!, "SIGSTOP");
  await transcoder.flush();
  assert.equal(transcoder.stats.hangs, 2);
});
