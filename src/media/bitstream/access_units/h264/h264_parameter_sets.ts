/**
 * The parameter sets of an H.264 stream that slices refer to.
 *
 * Spec: ISO/IEC 14496-10 sections 7.3.2.1.1 (sequence) and 7.3.2.2 (picture parameter set).
 */

import { H264_NAL, type H264Sps, parseH264Sps } from "../../video/h264.ts";
import { SequenceSets } from "../sequence_sets.ts";
import { SliceReader } from "../slice_reader.ts";

/** What a picture parameter set says of slice headers. */
export interface H264PictureParameters {
  readonly spsId: number;
  /** `bottom_field_pic_order_in_frame_present_flag`. */
  readonly bottomFieldPicOrder: boolean;
  readonly redundantPicCntPresent: boolean;
  /** `num_ref_idx_l0_default_active_minus1` and that of the other list, plus 1. */
  readonly refIndexCounts: readonly [number, number];
  readonly weightedPred: boolean;
  readonly weightedBipredIdc: number;
}

/** Keeps the latest set of each number. */
export class H264ParameterSets {
  readonly #bits = new SliceReader();
  readonly #sps = new SequenceSets(parseH264Sps, 32);
  readonly #pps = new Map<number, H264PictureParameters>();

  /** The sequence parameter set that came last. */
  get latest(): H264Sps | undefined {
    return this.#sps.latest;
  }

  /** A picture parameter set. */
  picture(id: number): H264PictureParameters | undefined {
    return this.#pps.get(id);
  }

  /** A sequence parameter set. */
  sequence(id: number): H264Sps | undefined {
    return this.#sps.get(id);
  }

  /** Takes a NAL unit of one of the two kinds; returns whether it could be read. */
  take(nal: Uint8Array): boolean {
    return (nal[0]! & 0x1F) === H264_NAL.SPS ? this.#sps.take(nal) : this.#readPps(nal);
  }

  #readPps(nal: Uint8Array): boolean {
    const bits = this.#bits;
    bits.reset(nal, 1, nal.length);
    const id = bits.ue();
    const spsId = bits.ue();
    bits.bit(); // entropy_coding_mode_flag
    const bottomFieldPicOrder = bits.flag();
    if (bits.overrun || id > 255 || spsId > 31) return false;
    const hasGroups = bits.ue() > 0; // num_slice_groups_minus1
    const refIndexCounts = [bits.ue() + 1, bits.ue() + 1] as const;
    const weightedPred = bits.flag();
    const weightedBipredIdc = bits.bits(2);
    bits.se(); // pic_init_qp_minus26
    bits.se();
    bits.se();
    bits.bits(2); // deblocking_filter_control_present_flag, constrained_intra_pred_flag
    // Slice groups would come first; no decoder in use reads them.
    const redundantPicCntPresent = !hasGroups && bits.flag();
    this.#pps.set(id, {
      spsId,
      bottomFieldPicOrder,
      redundantPicCntPresent,
      refIndexCounts,
      weightedPred,
      weightedBipredIdc,
    });
    return true;
  }
}
