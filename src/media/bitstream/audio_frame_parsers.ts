import type { AudioCodec } from "../types.ts";
import { parseAc3Header } from "./ac3.ts";
import { parseAdtsHeader } from "./adts.ts";
import type { AudioFrameParser } from "./audio_frame.ts";
import { parseDtsHeader } from "./dts.ts";
import { parseLatmFrame } from "./latm.ts";
import { parseMpegAudioHeader } from "./mpeg_audio.ts";
import { parseOpusTsFrame } from "./opus_ts.ts";
import { parseBlurayPcmFrame, parseS302mFrame } from "./pcm_frames.ts";
import { parseTrueHdUnit } from "./truehd.ts";

/** The frame parser of each codec as MPEG-TS carries it. */
export const AUDIO_FRAME_PARSERS: Readonly<Record<AudioCodec, AudioFrameParser>> = {
  aac: parseAdtsHeader,
  opus: parseOpusTsFrame,
  mp3: parseMpegAudioHeader,
  ac3: parseAc3Header,
  mp2: parseMpegAudioHeader,
  eac3: parseAc3Header,
  dts: parseDtsHeader,
  aac_latm: parseLatmFrame,
  s302m: parseS302mFrame,
  pcm_bluray: parseBlurayPcmFrame,
  truehd: parseTrueHdUnit,
};
