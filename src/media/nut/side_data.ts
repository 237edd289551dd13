/**
 * Side data and metadata in front of a frame (NUT specification version 4, "side_data" and
 * "meta_data"): skipped, since nothing here needs it, but it must be told from the frame.
 *
 * @module
 */

import type { NutCursor } from "./nut_cursor.ts";

/** Moves the cursor past the side data and the metadata of a frame. */
export function skipSideData(cursor: NutCursor): void {
  skipInfoList(cursor);
  skipInfoList(cursor);
}

function skipInfoList(cursor: NutCursor): void {
  const count = cursor.v();
  for (let i = 0; i < count; i++) {
    skipBytes(cursor); // name
    const type = cursor.s();
    if (type === -1) skipBytes(cursor); // a string
    else if (type === -2) {
      skipBytes(cursor); // the type's name
      skipBytes(cursor);
    } else if (type === -3) cursor.s();
    else if (type === -4) cursor.v(); // a time
    else if (type < -4) cursor.s(); // a fraction, whose denominator is in the type
  }
}

function skipBytes(cursor: NutCursor): void {
  cursor.readBytes(cursor.v());
}
