import assert from "node:assert/strict";
import { endFfmpeg, ffmpegBelow } from "../../../../src/media/codec/mod.ts";
import { until } from "../../../waiting.ts";

const onLinux = { ignore: Deno.build.os !== "linux" };

Deno.test(
  "ffmpegBelow() finds the ffmpeg below a process, and no other program",
  onLinux,
  async () => {
    const spawn = (command: string, args: string[]): Deno.ChildProcess =>
      new Deno.Command(command, { args, stdin: "piped", stdout: "null", stderr: "null" }).spawn();
    const wait = ["-f", "nut", "-i", "pipe:0", "-f", "null", "-"];
    const direct = spawn("ffmpeg", wait);
    const wrapped = spawn("sh", ["-c", 'ffmpeg "$@"; true', "sh", ...wait]);
    const other = spawn("cat", []);
    const found = (): number[] => ffmpegBelow(Deno.pid).map(({ pid }) => pid);
    await until(() => found().length === 2, "two ffmpeg");
    assert.ok(found().includes(direct.pid));
    assert.ok(!found().includes(other.pid));
    assert.ok(!found().includes(wrapped.pid), "the shell is no ffmpeg");

    const [first] = ffmpegBelow(Deno.pid);
    // A number that is another process's by now.
    endFfmpeg({ pid: other.pid, startTicks: first!.startTicks - 1 });
    endFfmpeg({ pid: Deno.pid, startTicks: 0 });
    for (const ffmpeg of ffmpegBelow(Deno.pid)) endFfmpeg(ffmpeg);
    await direct.status;
    await wrapped.status;
    endFfmpeg(first!); // gone
    await other.stdin.close();
    assert.equal((await other.status).success, true, "another process was ended");
    await Promise.allSettled([direct.stdin.close(), wrapped.stdin.close()]);
  },
);
