/**
 * The CRC of program specific information.
 *
 * Spec: ISO/IEC 13818-1 Annex A: polynomial 0x04C11DB7, initial value all ones, not reflected.
 */

const TABLE = createTable();

/** The CRC-32 of `data`; 0 over a section together with its own CRC. */
export function crc32Mpeg(data: Uint8Array): number {
  let crc = 0xFFFFFFFF;
  for (let i = 0; i < data.length; i++) {
    crc = crc << 8 ^ TABLE[(crc >>> 24 ^ data[i]!) & 0xFF]!;
  }
  return crc >>> 0;
}

function createTable(): Uint32Array {
  const table = new Uint32Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc << 1 ^ (crc < 0 ? 0x04C11DB7 : 0);
    table[i] = crc >>> 0;
  }
  return table;
}
