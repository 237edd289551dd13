/**
 * The Annex B byte stream: NAL units between start codes.
 *
 * Spec: ISO/IEC 14496-10 Annex B and section 7.3.1 (emulation prevention); ISO/IEC 23008-2 the
 * same.
 */

/**
 * Finds the next start code `00 00 01` at or after `from` that ends before `end`, and returns the
 * offset of the byte behind it (the NAL unit header), or -1. Looks at every third byte only: a byte
 * above 1 rules out three positions at once.
 */
export function findNalUnit(data: Uint8Array, from: number, end: number = data.length): number {
  let i = from + 2;
  while (i < end) {
    const byte = data[i]!;
    if (byte > 1) i += 3;
    else if (byte === 0) i++;
    else if (data[i - 1] === 0 && data[i - 2] === 0) return i + 1;
    else i += 3;
  }
  return -1;
}

/**
 * Where the start code of the NAL unit at `nal` begins, its `zero_byte` included, no earlier than
 * `floor`: the place to cut the stream in front of that NAL unit.
 */
export function startCodeOffset(data: Uint8Array, nal: number, floor: number): number {
  const code = nal - 3;
  return code > floor && data[code - 1] === 0 ? code - 1 : code;
}

/**
 * Where the NAL unit at `nal` ends: before the next start code and its zeros, or at the data's end.
 */
export function nalUnitEnd(data: Uint8Array, nal: number): number {
  const next = findNalUnit(data, nal);
  let end = next < 0 ? data.length : next - 3;
  while (end > nal && data[end - 1] === 0) end--;
  return end;
}

/** The bytes without the zeros that may stand between a NAL unit and the next start code. */
export function withoutTrailingZeros(unit: Uint8Array): Uint8Array {
  let end = unit.length;
  while (end > 0 && unit[end - 1] === 0) end--;
  return unit.subarray(0, end);
}

/** Iterates over the NAL units of `data` as views, header byte first, without start codes. */
export function* nalUnits(data: Uint8Array): Generator<Uint8Array> {
  let nal = findNalUnit(data, 0);
  while (nal >= 0) {
    yield data.subarray(nal, nalUnitEnd(data, nal));
    nal = findNalUnit(data, nal);
  }
}

/** Removes the `emulation_prevention_three_byte`s; returns the same array when there are none. */
export function unescapeRbsp(nal: Uint8Array): Uint8Array {
  let zeros = 0;
  let out: Uint8Array | undefined;
  let length = 0;
  for (let i = 0; i < nal.length; i++) {
    const byte = nal[i]!;
    if (zeros >= 2 && byte === 3) {
      if (out === undefined) {
        out = new Uint8Array(nal.length);
        out.set(nal.subarray(0, i));
        length = i;
      }
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    if (out !== undefined) out[length++] = byte;
  }
  return out === undefined ? nal : out.subarray(0, length);
}
