/** HE-AAC: no encoder of ffmpeg makes it, so frames of AAC-LC get the extension that announces it. */

import { MpegTsMuxer } from "../../../src/media/mpegts/mod.ts";
import { concatBytes, demuxAll, packetsOf, streamsOf } from "./fixtures.ts";

const ID_END = "111";
/** `fill_element`: 4 bytes, the extension type of spectral band replication, no header yet. */
const FILL_WITH_SBR = "110" + "0100" + "1101" + "0".repeat(28);

/** A transport stream of AAC-LC as one of HE-AAC: decoders give twice its sample rate. */
export function asHeAac(ts: Uint8Array): Uint8Array {
  const events = demuxAll(ts);
  const muxer = new MpegTsMuxer({ audio: streamsOf(events).audio! });
  const packets = packetsOf(events, "audio").map((packet) => ({
    ...packet,
    data: withSbr(packet.data),
  }));
  return concatBytes([muxer.startSegment(), ...packets.map((packet) => muxer.write(packet))]);
}

function withSbr(frame: Uint8Array): Uint8Array {
  const bits = [...frame].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const end = bits.lastIndexOf("1") + 1 - ID_END.length;
  const changed = bits.slice(0, end) + FILL_WITH_SBR + ID_END;
  const padded = changed.padEnd(Math.ceil(changed.length / 8) * 8, "0");
  return Uint8Array.from(
    { length: padded.length / 8 },
    (_, index) => parseInt(padded.slice(8 * index, 8 * index + 8), 2),
  );
}
