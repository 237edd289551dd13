/**
 * The service description table, as far as it tells which muxer wrote a stream.
 *
 * Spec: ETSI EN 300 468 sections 5.2.3 (service description) and 6.2.33 (service descriptor).
 */

import { TABLE_ID } from "../numbers.ts";

const SECTION_HEADER_BYTES = 11;
const SERVICE_HEADER_BYTES = 5;
const SERVICE_DESCRIPTOR = 0x48;

/** libavformat names itself as the provider where nobody else is, and writes one packet into each PES. */
const FFMPEG_PROVIDER = "FFmpeg";

/**
 * Whether the muxer that wrote this section is known to put exactly one access unit of video into each
 * PES packet. Never throws: a damaged section tells nothing.
 */
export function putsOneUnitIntoEachPes(section: Uint8Array): boolean {
  if (section[0] !== TABLE_ID.SDT) return false;
  const at = SECTION_HEADER_BYTES + SERVICE_HEADER_BYTES;
  if (section[at] !== SERVICE_DESCRIPTOR) return false;
  const length = section[at + 3] ?? 0;
  const provider = section.subarray(at + 4, at + 4 + length);
  return String.fromCharCode(...provider) === FFMPEG_PROVIDER;
}
