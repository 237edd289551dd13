import {
  AAC_SAMPLE_RATES,
  type AdtsHeader,
  dualMonoConfig,
  type ProgramConfig,
  programConfigOfFrame,
  writeAacConfig,
} from "../../bitstream/mod.ts";

/** What an AAC frame and those before it say of the stream. */
export interface AacFrameConfig {
  readonly channels: number;
  /** AudioSpecificConfig. */
  readonly extradata: Uint8Array;
  /** The program config element that holds; undefined where the header says all. */
  readonly programConfig: ProgramConfig | undefined;
}

/**
 * The configuration of an ADTS frame, of which `data` is the raw data block. Where the header does not
 * say the channels, the block's program config element does, else the `last` one. Without any it is
 * dual mono, as in ISDB (ARIB STD-B32).
 */
export function aacFrameConfig(
  header: AdtsHeader,
  data: Uint8Array,
  last: ProgramConfig | undefined,
): AacFrameConfig {
  const { objectType, sampleRate, channelConfiguration } = header;
  if (channelConfiguration !== 0) {
    const extradata = writeAacConfig({ objectType, sampleRate, channelConfiguration });
    return { channels: header.channels, extradata, programConfig: undefined };
  }
  const programConfig = programConfigOfFrame(data) ?? last ??
    dualMonoConfig(objectType, AAC_SAMPLE_RATES.indexOf(sampleRate));
  const config = { objectType, sampleRate, channelConfiguration, programConfig };
  return { channels: programConfig.channels, extradata: writeAacConfig(config), programConfig };
}
