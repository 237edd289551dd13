/**
 * A stream that is only made up, before there is a real one. The first stream of a process pays for all that
 * V8 compiles then, which is half of the time to its first picture.
 *
 * @module
 */

import { describeError, MPEG_TIME_BASE, roomLogger, variable } from "../base/mod.ts";
import { MpegTsMuxer } from "../media/mpegts/mod.ts";
import type { AudioStreamInfo, Packet } from "../media/types.ts";
import { FrameProcessor } from "../processor/mod.ts";
import { LocalTransport, TrickleServer } from "../trickle/mod.ts";
import { openTrickleSession } from "./open_trickle_session.ts";
import type { SessionOptions } from "./types.ts";

const log = roomLogger("session");

const SECOND = MPEG_TIME_BASE.den;
const PICTURES = 30;
const GOP = 15;
/**
 * A black picture of 64x64 pixels, and one that repeats it:
 * `ffmpeg -f lavfi -i color=black:s=64x64 -frames:v 2 -c:v libx264 -preset ultrafast -tune zerolatency
 * -bsf:v filter_units=remove_types=6 -f h264 -`
 */
const KEYFRAME = "AAAAAWdCwAraEJsBEAAAAwAQAAADA8jxImoAAAABaM4PyAAAAWWIhDomKAAJAsnJyddddddddddddeA=";
const REPEATED = "AAAAAUGaIDaCMA==";
/** 1024 samples of silence. */
const SILENCE = "IRAEYIwc";
const SOUND: AudioStreamInfo = {
  kind: "audio",
  codec: "aac",
  sampleRate: 48_000,
  channels: 2,
  extradata: Uint8Array.of(0x11, 0x90),
};

/** What of a worker's options changes the way of a stream. */
export interface RehearsalOptions extends Pick<SessionOptions, "audioCodec" | "encoder"> {
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/** Leaves pictures as they are. */
class Passthrough extends FrameProcessor {}

/**
 * Sends a second of black and silence from one channel through a session to another, with ffmpeg children
 * of its own. Nothing of it is traced or counted; how it failed is only logged for those who debug. Resolves
 * to whether it came through; never rejects.
 */
export async function rehearse({ signal, ...options }: RehearsalOptions): Promise<boolean> {
  try {
    await using server = new TrickleServer();
    const channels = await openChannels(server);
    const wasHeard = Promise.withResolvers<void>();
    await using session = openTrickleSession({
      ...options,
      ...channels,
      id: "rehearsal",
      isRehearsal: true,
      processor: new Passthrough(),
      onEvent: ({ type }) => type === "first-output-segment" && wasHeard.resolve(),
    });
    const stop = (): void => void session.stop();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) return false;
    session.start();
    await using input = server.publisher("in");
    const segment = await input.next();
    for (const bytes of madeUp()) await segment.write(bytes);
    await Promise.race([wasHeard.promise, session.ended]);
    await segment.close();
    await input.close();
    const end = await session.ended;
    signal.removeEventListener("abort", stop);
    return end.reason === "input-ended" && session.metrics().frames_out > 0;
  } catch (error) {
    log.debug("No stream could be rehearsed: {reason}", { reason: describeError(error) });
    return false;
  }
}

/** Two channels over HTTP, where a port may be had without asking and its requests are not traced. */
async function openChannels(
  server: TrickleServer,
): Promise<Pick<Parameters<typeof openTrickleSession>[0], "createTransport"> & ChannelUrls> {
  for (const channel of ["in", "out"]) server.createChannel(channel, "video/mp2t");
  const { state } = await Deno.permissions.query({ name: "net", host: "127.0.0.1" });
  if (state === "granted" && variable("OTEL_DENO") === undefined) {
    server.listen({ port: 0 });
    return { subscribeUrl: server.channelUrl("in"), publishUrl: server.channelUrl("out") };
  }
  const url = "http://127.0.0.1";
  const createTransport = (): LocalTransport => new LocalTransport(server.handler);
  return { subscribeUrl: `${url}/in`, publishUrl: `${url}/out`, createTransport };
}

interface ChannelUrls {
  readonly subscribeUrl: string;
  readonly publishUrl: string;
}

/** The packets of the stream, as MPEG-TS. */
function* madeUp(): Generator<Uint8Array> {
  const muxer = new MpegTsMuxer({ video: { codec: "h264" }, audio: SOUND });
  const [keyframe, repeated, silence] = [
    fromBase64(KEYFRAME),
    fromBase64(REPEATED),
    fromBase64(SILENCE),
  ];
  let sound = SECOND;
  for (let picture = 0; picture < PICTURES; picture++) {
    const ticks = SECOND + picture * SECOND / PICTURES;
    const isKeyframe = picture % GOP === 0;
    if (isKeyframe) yield muxer.startSegment();
    yield muxer.write(packet("video", ticks, isKeyframe ? keyframe : repeated, isKeyframe));
    for (; sound < ticks; sound += 1_024 * SECOND / SOUND.sampleRate) {
      yield muxer.write(packet("audio", sound, silence, true));
    }
  }
}

function packet(
  kind: "video" | "audio",
  ticks: number,
  data: Uint8Array,
  keyframe: boolean,
): Packet {
  return { kind, ptsTicks: ticks, dtsTicks: ticks, keyframe, data };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
