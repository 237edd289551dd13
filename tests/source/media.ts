/** Media for the tests of sources: events into bytes, and clips that ffmpeg makes. */

import { join } from "node:path";
import type { Packet } from "../../src/media/types.ts";
import { type MediaEvent, writeSegments } from "../../src/source/mod.ts";
import { runProgram } from "../e2e/ffmpeg.ts";

/** Takes all events. */
export async function collect(events: AsyncIterable<MediaEvent>): Promise<MediaEvent[]> {
  const all: MediaEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** The packets among events, of both streams or of one. */
export function packetsOf(events: readonly MediaEvent[], kind?: "video" | "audio"): Packet[] {
  return events.flatMap((event) =>
    event.kind === "packet" && (kind === undefined || event.stream === kind) ? event.packet : []
  );
}

/** The last description of the streams. */
export function streamsOf(events: readonly MediaEvent[]): Extract<MediaEvent, { kind: "streams" }> {
  const last = events.findLast((event) => event.kind === "streams");
  if (last === undefined) throw new Error("No streams were announced");
  return last;
}

/** Events one after the other, each when it is asked for. */
export async function* replay(events: readonly MediaEvent[]): AsyncGenerator<MediaEvent> {
  for (const event of events) yield await Promise.resolve(event);
}

/** Media as one MPEG-TS stream. */
export async function toBytes(events: AsyncIterable<MediaEvent>): Promise<Uint8Array> {
  const pieces: BlobPart[] = [];
  await writeSegments(events, () =>
    Promise.resolve({
      write: (bytes) => Promise.resolve(pieces.push(bytes as BlobPart)),
      close: () => Promise.resolve(),
    }));
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** What ffmpeg has to say against a stream when it decodes all of it. */
export async function complaints(media: Uint8Array): Promise<string> {
  const words = "-v warning -nostdin -copyts -i pipe:0 -fps_mode passthrough -f null -";
  return (await runProgram("ffmpeg", words, media)).stderr;
}

/** The words of a test picture and a tone as inputs of ffmpeg. */
export const PICTURE = "-f lavfi -i testsrc2=s=160x120:r=25";
export const TONE = "-f lavfi -i sine=r=48000";

/** What ffmpeg made, by the name and words of {@linkcode ClipFolder.make}. */
const clips = new Map<string, Uint8Array>();

/** A folder for the length of a test, and files that ffmpeg makes in it. */
export class ClipFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async open(): Promise<ClipFolder> {
    return new ClipFolder(await Deno.makeTempDir({ prefix: "runnel-source-" }));
  }

  /** Makes a file with ffmpeg, once for all folders; the words stand before its name. */
  async make(name: string, words: string): Promise<string> {
    const key = `${name} ${words}`;
    const made = clips.get(key);
    if (made !== undefined) return await this.write(name, made);
    const path = join(this.path, name);
    await runProgram("ffmpeg", `-v error -nostdin ${words} -y ${path}`);
    clips.set(key, await Deno.readFile(path));
    return path;
  }

  async write(name: string, bytes: Uint8Array): Promise<string> {
    const path = join(this.path, name);
    await Deno.writeFile(path, bytes);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
