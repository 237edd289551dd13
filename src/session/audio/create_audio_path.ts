/**
 * Which way audio takes: copied, transcoded, or decoded, processed and encoded.
 *
 * @module
 */

import { canMuxAudio } from "../../media/mpegts/mod.ts";
import type { AudioStreamInfo } from "../../media/types.ts";
import type { OutputAudioCodec } from "../types.ts";
import { type AudioPath, type AudioPathOptions, CopiedAudio } from "./audio_path.ts";
import { HeardAudio } from "./heard_audio.ts";
import { ProcessedAudio, TranscodedAudio } from "./coded_audio.ts";

/** The cheapest path to the wanted codec: a copy, one child, or two around the processor. */
export function createAudioPath(options: AudioPathOptions): AudioPath {
  const { hear } = options;
  const path = createOutputPath(options);
  return hear === undefined ? path : new HeardAudio({ ...options, path, hear });
}

function createOutputPath(options: AudioPathOptions): AudioPath {
  const { stream, outputCodec, process, hear, hasOutput = true } = options;
  if (hear !== undefined && !hasOutput) return new CopiedAudio(options);
  if (process !== undefined) {
    return new ProcessedAudio(options, encodedCodec(outputCodec, stream));
  }
  const isCopy = outputCodec === "source" || outputCodec === stream.codec;
  if (isCopy && canMuxAudio(stream)) return new CopiedAudio(options);
  return new TranscodedAudio(options, encodedCodec(outputCodec, stream));
}

/** Two formats can be encoded; others are only ever copied. */
function encodedCodec(wanted: OutputAudioCodec, stream: AudioStreamInfo): "aac" | "opus" {
  if (wanted !== "source") return wanted;
  return stream.codec === "opus" ? "opus" : "aac";
}
