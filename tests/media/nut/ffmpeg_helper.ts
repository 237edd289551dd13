/** Runs ffmpeg and ffprobe for the container tests. */

import assert from "node:assert/strict";

/** Runs a command with bytes on stdin; returns its stdout, and fails with its stderr. */
export async function run(
  command: string,
  args: readonly string[],
  input: readonly Uint8Array[] = [],
): Promise<Uint8Array> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const feed = async (): Promise<void> => {
    const writer = child.stdin.getWriter();
    for (const chunk of input) await writer.write(chunk);
    await writer.close();
  };
  const [output] = await Promise.all([child.output(), feed()]);
  assert.equal(output.code, 0, `${command}: ${new TextDecoder().decode(output.stderr)}`);
  return output.stdout;
}

/** One packet as ffprobe shows it. */
export interface ProbedPacket {
  readonly streamIndex: number;
  readonly ptsTicks: number;
  readonly keyframe: boolean;
  readonly size: number;
}

/** The packets that ffprobe finds in NUT bytes. */
export async function probePackets(bytes: Uint8Array): Promise<ProbedPacket[]> {
  const entries = "packet=stream_index,pts,size,flags";
  const args = ["-v", "error", "-f", "nut", "-show_entries", entries, "-of", "json", "pipe:0"];
  const json = JSON.parse(new TextDecoder().decode(await run("ffprobe", args, [bytes]))) as {
    packets: { stream_index: number; pts: number; size: string; flags: string }[];
  };
  return json.packets.map((packet) => ({
    streamIndex: packet.stream_index,
    ptsTicks: packet.pts,
    keyframe: packet.flags.startsWith("K"),
    size: Number(packet.size),
  }));
}

/** A seeded generator of whole numbers from 0 up to `below`. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}
