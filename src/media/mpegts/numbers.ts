/**
 * Numbers of MPEG-TS.
 *
 * Spec: ISO/IEC 13818-1 sections 2.4.3 (packets, PES), 2.4.4 (program specific information) and 2.6
 * (descriptors); ETSI TS 101 154 and ATSC A/52 Annex A (AC-3); the Opus in MPEG-TS draft.
 */

/** Bytes of a transport packet. */
export const TS_PACKET_BYTES = 188;

/** Bytes of a transport packet's header. */
export const TS_HEADER_BYTES = 4;

/** The most payload of a transport packet. */
export const TS_PAYLOAD_BYTES = 184;

/** The first byte of every transport packet. */
export const SYNC_BYTE = 0x47;

/** PIDs with a fixed meaning, and those that the muxer uses. */
export const PID = {
  PAT: 0x0000,
  SDT: 0x0011,
  PMT: 0x1000,
  VIDEO: 0x0100,
  AUDIO: 0x0101,
  NULL: 0x1FFF,
} as const;

/** `table_id`s. */
export const TABLE_ID = { PAT: 0x00, PMT: 0x02, SDT: 0x42 } as const;

/** `stream_type`s that are read or written. */
export const STREAM_TYPE = {
  MPEG1_VIDEO: 0x01,
  MPEG2_VIDEO: 0x02,
  MPEG1_AUDIO: 0x03,
  MPEG2_AUDIO: 0x04,
  PRIVATE_PES: 0x06,
  AAC_ADTS: 0x0F,
  MPEG4_VIDEO: 0x10,
  AAC_LATM: 0x11,
  H264: 0x1B,
  JPEG2000: 0x21,
  HEVC: 0x24,
  AVS: 0x42,
  LPCM_HDMV: 0x80,
  AC3: 0x81,
  DTS: 0x82,
  TRUEHD: 0x83,
  EAC3_HDMV: 0x84,
  DTS_HD: 0x85,
  DTS_HD_MASTER: 0x86,
  EAC3: 0x87,
  DTS_ATSC: 0x88,
  DTS_UHD: 0x8A,
  EAC3_SECONDARY: 0xA1,
  DTS_SECONDARY: 0xA2,
  DIRAC: 0xD1,
  VC1: 0xEA,
} as const;

/** Descriptor tags. */
export const DESCRIPTOR = {
  REGISTRATION: 0x05,
  DATA_STREAM_ALIGNMENT: 0x06,
  DVB_TELETEXT: 0x56,
  DVB_SUBTITLES: 0x59,
  DVB_AC3: 0x6A,
  DVB_EAC3: 0x7A,
  DVB_DTS: 0x7B,
  DVB_AAC: 0x7C,
  DVB_EXTENSION: 0x7F,
} as const;

/** `descriptor_tag_extension` of the Opus channel configuration. */
export const OPUS_EXTENSION_TAG = 0x80;

/** `format_identifier`s of registration descriptors. */
export const FORMAT = {
  OPUS: "Opus",
  AC3: "AC-3",
  EAC3: "EAC3",
  H264: "H264",
  HEVC: "HEVC",
  DTS1: "DTS1",
  DTS2: "DTS2",
  DTS3: "DTS3",
  ID3: "ID3 ",
  KLVA: "KLVA",
  AV1: "AV01",
  VC1: "VC-1",
  DIRAC: "drac",
  HDMV: "HDMV",
  S302M: "BSSD",
  SCTE_27: "SCTE",
} as const;

/** `alignment_type` of H.264: each PES packet with the indicator begins with an access unit. */
export const ALIGNED_TO_ACCESS_UNITS = 0x02;

/** `stream_id`s of PES packets. */
export const STREAM_ID = {
  PRIVATE_1: 0xBD,
  PADDING: 0xBE,
  AUDIO: 0xC0,
  VIDEO: 0xE0,
} as const;

/** `stream_id_extension` of the AC-3 beside TrueHD on Blu-ray discs. */
export const TRUEHD_CORE_ID = 0x76;

/** Values of 33-bit clocks: they wrap after 26.5 hours at 90 kHz. */
export const CLOCK_WRAP = 2 ** 33;

/** What streams that are not read hold: `data` is neither pictures nor sound, or nobody knows. */
export type Medium = "video" | "audio" | "data";

/** What a stream type that is not read holds, and what it is called, for people. */
export const OTHER_STREAM_TYPES: ReadonlyMap<number, readonly [medium: Medium, name: string]> =
  new Map<number, readonly [Medium, string]>([
    [0x05, ["data", "private sections"]],
    [0x06, ["data", "private data"]],
    [0x0B, ["data", "DSM-CC sections"]],
    [0x15, ["data", "timed metadata"]],
    [0x1C, ["audio", "raw MPEG-4 audio"]],
    [0x20, ["video", "MVC video"]],
    [0x33, ["video", "VVC video"]],
    [0x35, ["video", "EVC video"]],
    [0x82, ["data", "SCTE-27 subtitles"]],
    [0x86, ["data", "SCTE-35 splice information"]],
    [0x90, ["data", "PGS subtitles"]],
    [0xC1, ["audio", "encrypted AC-3 audio"]],
    [0xCF, ["audio", "encrypted AAC audio"]],
    [0xD2, ["video", "AVS2 video"]],
    [0xD4, ["video", "AVS3 video"]],
    [0xDB, ["video", "encrypted H.264 video"]],
  ]);
