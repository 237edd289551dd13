/**
 * What colours of a stream are called, and which of them are of a high dynamic range.
 *
 * Spec: ISO/IEC 23091-2 (ITU-T H.273) section 8, ITU-R BT.2100.
 *
 * @module
 */

import type { ColorInfo, ColorPrimaries, ColorTransfer } from "./types.ts";

/** A {@linkcode ColorInfo} with everything said, by ffmpeg's names. */
export interface ColorTags {
  readonly space: "smpte170m" | "bt709" | "bt2020nc";
  readonly primaries: ColorPrimaries;
  readonly transfer: ColorTransfer;
}

const USUAL: Readonly<Record<ColorInfo["matrix"], ColorTags>> = {
  bt601: { space: "smpte170m", primaries: "smpte170m", transfer: "smpte170m" },
  bt709: { space: "bt709", primaries: "bt709", transfer: "bt709" },
  bt2020: { space: "bt2020nc", primaries: "bt2020", transfer: "bt2020-10" },
};

/** What tone-mapped pictures are. */
const SDR: ColorInfo = Object.freeze({ matrix: "bt709", fullRange: false });

/** The tags of a colour. */
export function colorTags({ matrix, primaries, transfer }: ColorInfo): ColorTags {
  const usual = USUAL[matrix];
  return {
    space: usual.space,
    primaries: primaries ?? usual.primaries,
    transfer: transfer ?? usual.transfer,
  };
}

/** The colour with these parts; what goes with the matrix is left out. */
export function createColor(
  { matrix, fullRange }: Pick<ColorInfo, "matrix" | "fullRange">,
  { primaries, transfer }: Partial<Pick<ColorTags, "primaries" | "transfer">>,
): ColorInfo {
  const usual = USUAL[matrix];
  return {
    matrix,
    fullRange,
    ...(primaries === undefined || primaries === usual.primaries ? {} : { primaries }),
    ...(transfer === undefined || transfer === usual.transfer ? {} : { transfer }),
  };
}

/** Whether two colours are the same. */
export function sameColor(a: ColorInfo, b: ColorInfo): boolean {
  return a.matrix === b.matrix && a.fullRange === b.fullRange && a.primaries === b.primaries &&
    a.transfer === b.transfer;
}

/** Whether pictures are of a high dynamic range: PQ or HLG. */
export function isHdr({ transfer }: ColorInfo): boolean {
  return transfer === "smpte2084" || transfer === "arib-std-b67";
}

/** What comes out of a decoder that maps high dynamic range to BT.709, or leaves it as it is. */
export function decodedColor(color: ColorInfo, toneMap: boolean): ColorInfo {
  return toneMap && isHdr(color) ? SDR : color;
}
