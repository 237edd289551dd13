/**
 * The checksum of both containers: CRC-32 with polynomial 0x04C11DB7, neither reflected nor inverted
 * (ISO/IEC 13818-1 Annex A; NUT specification, `checksum`).
 *
 * @module
 */

const TABLE: Uint32Array = buildTable();

function buildTable(): Uint32Array {
  const table = new Uint32Array(256);
  for (let value = 0; value < 256; value++) {
    let crc = value << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
    table[value] = crc >>> 0;
  }
  return table;
}

/** What the checksum of an MPEG-TS section begins with; that of a NUT packet begins with 0. */
export const MPEG_CRC_START = 0xFFFFFFFF;

/** The checksum of `bytes`, continuing from `crc`. Over data followed by its own checksum it is 0. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc << 8) ^ TABLE[(crc >>> 24) ^ bytes[i]!]!;
  }
  return crc >>> 0;
}
