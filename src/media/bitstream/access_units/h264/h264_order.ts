/**
 * Picture order count of H.264.
 *
 * Spec: ISO/IEC 14496-10 section 8.2.1.
 */

import type { H264Sps } from "../../video/h264.ts";
import type { H264SliceHead } from "./h264_slice.ts";

/** Counts pictures in decoding order. */
export class H264Order {
  /** Of the last reference picture: `prevPicOrderCntMsb` and `prevPicOrderCntLsb`. */
  #prevMsb = 0;
  #prevLsb = 0;
  #prevFrameNum = 0;
  #prevFrameNumOffset = 0;
  #pictures = 0;

  /** The picture order count of the picture that this slice begins. */
  next(head: H264SliceHead, sps: H264Sps): number {
    if (sps.pictureOrder.type === 0) return this.#byLsb(head, sps.pictureOrder.log2MaxLsb);
    if (sps.pictureOrder.type === 2) return this.#byDecoding(head);
    return byCycle(head, sps, this.#frameNumOffset(head, sps.log2MaxFrameNum));
  }

  /**
   * The picture that this slice begins holds `memory_management_control_operation` 5: those that follow
   * count from it. Returns its own count.
   */
  restart(head: H264SliceHead): number {
    this.#prevMsb = 0;
    this.#prevLsb = head.field ? 0 : Math.max(0, -head.deltaBottom);
    this.#prevFrameNum = this.#prevFrameNumOffset = this.#pictures = 0;
    return 0;
  }

  /**
   * Type 2, in which pictures are shown in decoding order. The count of section 8.2.1.3 rises by 1 or
   * by 2, depending on references; this one rises evenly.
   */
  #byDecoding(head: H264SliceHead): number {
    this.#pictures = head.idr ? 0 : this.#pictures + 2;
    return this.#pictures;
  }

  /** Takes the second field of a picture. */
  secondField(head: H264SliceHead, sps: H264Sps): void {
    if (sps.pictureOrder.type === 0) this.#byLsb(head, sps.pictureOrder.log2MaxLsb);
  }

  /** Type 0, section 8.2.1.1. */
  #byLsb(head: H264SliceHead, log2MaxLsb: number): number {
    if (head.idr) this.#prevMsb = this.#prevLsb = 0;
    const msb = nearestMsb(head.lsb, { msb: this.#prevMsb, lsb: this.#prevLsb }, 1 << log2MaxLsb);
    if (head.refIdc !== 0) {
      this.#prevMsb = msb;
      this.#prevLsb = head.lsb;
    }
    return msb + head.lsb + Math.min(0, head.deltaBottom);
  }

  #frameNumOffset(head: H264SliceHead, log2MaxFrameNum: number): number {
    const wrapped = this.#prevFrameNum > head.frameNum ? 1 << log2MaxFrameNum : 0;
    const offset = head.idr ? 0 : this.#prevFrameNumOffset + wrapped;
    this.#prevFrameNum = head.frameNum;
    this.#prevFrameNumOffset = offset;
    return offset;
  }
}

/** Most significant part of a count whose low part is `lsb`, next to the one before. */
export function nearestMsb(
  lsb: number,
  before: { readonly msb: number; readonly lsb: number },
  maxLsb: number,
): number {
  if (lsb < before.lsb && before.lsb - lsb >= maxLsb / 2) return before.msb + maxLsb;
  if (lsb > before.lsb && lsb - before.lsb > maxLsb / 2) return before.msb - maxLsb;
  return before.msb;
}

/** Type 1, section 8.2.1.2. */
function byCycle(head: H264SliceHead, sps: H264Sps, frameNumOffset: number): number {
  const { offsetForRefFrame, offsetForNonRefPic, offsetForTopToBottomField } = sps.pictureOrder;
  const length = offsetForRefFrame.length;
  let frames = length === 0 ? 0 : frameNumOffset + head.frameNum;
  if (head.refIdc === 0 && frames > 0) frames--;
  let expected = 0;
  if (frames > 0) {
    const cycles = Math.floor((frames - 1) / length);
    const within = (frames - 1) % length;
    const perCycle = offsetForRefFrame.reduce((sum, offset) => sum + offset, 0);
    expected = cycles * perCycle;
    for (let i = 0; i <= within; i++) expected += offsetForRefFrame[i]!;
  }
  if (head.refIdc === 0) expected += offsetForNonRefPic;
  const top = expected + head.delta0;
  if (head.bottom) return top + offsetForTopToBottomField;
  return head.field ? top : Math.min(top, top + offsetForTopToBottomField + head.delta1);
}
