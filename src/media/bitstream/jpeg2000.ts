/**
 * JPEG 2000 pictures as MPEG-TS carries them.
 *
 * Spec: ISO/IEC 13818-1 Annex S (J2K video access units: a header, `elsm`, and one or two codestreams);
 * ISO/IEC 15444-1 Annex A (markers SOC and SIZ).
 */

/** Start of codestream, and the image and tile size that always follows. */
const CODESTREAM_START: readonly number[] = [0xFF, 0x4F, 0xFF, 0x51];
/** The header has no more than this, also for interlaced pictures. */
const MAX_HEADER_BYTES = 256;

/** The codestream in an access unit, without the header; undefined where there is none. */
export function readJpeg2000Unit(payload: Uint8Array): Uint8Array | undefined {
  const last = Math.min(MAX_HEADER_BYTES, payload.length - CODESTREAM_START.length);
  for (let at = 0; at <= last; at++) {
    if (CODESTREAM_START.every((byte, index) => payload[at + index] === byte)) {
      return payload.subarray(at);
    }
  }
  return undefined;
}
