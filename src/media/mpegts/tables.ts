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
  MPEG1_AUDIO: 0x03,
  MPEG2_AUDIO: 0x04,
  PRIVATE_PES: 0x06,
  AAC_ADTS: 0x0F,
  H264: 0x1B,
  HEVC: 0x24,
  AC3: 0x81,
} as const;

/** Descriptor tags. */
export const DESCRIPTOR = {
  REGISTRATION: 0x05,
  DATA_STREAM_ALIGNMENT: 0x06,
  DVB_TELETEXT: 0x56,
  DVB_SUBTITLES: 0x59,
  DVB_AC3: 0x6A,
  DVB_EAC3: 0x7A,
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

/** Values of 33-bit clocks: they wrap after 26.5 hours at 90 kHz. */
export const CLOCK_WRAP = 2 ** 33;

/** What a stream type that is not read is called, for people. */
export const STREAM_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0x01, "MPEG-1 video"],
  [0x02, "MPEG-2 video"],
  [0x05, "private sections"],
  [0x06, "private data"],
  [0x10, "MPEG-4 video"],
  [0x11, "AAC in LATM"],
  [0x15, "timed metadata"],
  [0x1C, "raw MPEG-4 audio"],
  [0x21, "JPEG 2000 video"],
  [0x33, "VVC video"],
  [0x42, "AVS video"],
  [0x82, "DTS audio or SCTE-27 subtitles"],
  [0x83, "TrueHD audio"],
  [0x84, "E-AC-3 audio"],
  [0x85, "DTS-HD audio"],
  [0x86, "SCTE-35 splice information"],
  [0x87, "E-AC-3 audio"],
  [0xC1, "encrypted AC-3 audio"],
  [0xCF, "encrypted AAC audio"],
  [0xD1, "Dirac video"],
  [0xDB, "encrypted H.264 video"],
  [0xEA, "VC-1 video"],
]);
