import assert from "node:assert/strict";
import {
  AAC_SAMPLE_RATES,
  ADTS_HEADER_BYTES,
  assertAdtsConfig,
  AUDIO_FRAME_PARSERS,
  type AudioFrameHeader,
  type AudioFrameResult,
  dualMonoConfig,
  opusChannelConfig,
  opusControlHeaderBytes,
  opusHeadFromChannelConfig,
  opusPacketSamples,
  parseAacConfig,
  parseAc3Header,
  parseAdtsHeader,
  parseDtsHeader,
  parseMpegAudioHeader,
  parseOpusHead,
  parseOpusTsFrame,
  programConfigOfFrame,
  programConfigPrefix,
  writeAacConfig,
  writeAdtsHeader,
  writeOpusControlHeader,
  writeOpusHead,
} from "../../../src/media/bitstream/mod.ts";

Deno.test("ADTS headers survive the round trip", () => {
  for (const sampleRate of AAC_SAMPLE_RATES) {
    for (let channelConfiguration = 1; channelConfiguration <= 7; channelConfiguration++) {
      for (const payloadBytes of [1, 300, 8184]) {
        const config = { objectType: 2, sampleRate, channelConfiguration };
        assertAdtsConfig(config);
        const target = new Uint8Array(3 + ADTS_HEADER_BYTES);
        writeAdtsHeader(config, payloadBytes, { target, offset: 3 });
        const header = parseAdtsHeader(target, 3);
        assert.deepEqual(header, {
          frameBytes: payloadBytes + ADTS_HEADER_BYTES,
          payloadOffset: ADTS_HEADER_BYTES,
          samples: 1024,
          sampleRate,
          channels: channelConfiguration === 7 ? 8 : channelConfiguration,
          objectType: 2,
          channelConfiguration,
        });
      }
    }
  }
});

Deno.test("parseAdtsHeader() reads CRC and blocks, and tells short from wrong", () => {
  const bytes = Uint8Array.of(0xFF, 0xF0, 0x50, 0x80, 0x10, 0x1F, 0xFD);
  const header = asHeader(parseAdtsHeader(bytes, 0));
  assert.equal(header.payloadOffset, 9);
  assert.equal(header.samples, 2048);
  for (let length = 1; length < 7; length++) {
    assert.equal(parseAdtsHeader(bytes.subarray(0, length), 0), "more");
  }
  assert.equal(parseAdtsHeader(Uint8Array.of(0xFF, 0xE0), 0), "invalid");
  assert.equal(parseAdtsHeader(Uint8Array.of(0xFF, 0xF6, 0x50, 0x80, 2, 0x1F, 0xFC), 0), "invalid");
  assert.equal(parseAdtsHeader(Uint8Array.of(0xFF, 0xF1, 0x7C, 0x80, 2, 0x1F, 0xFC), 0), "invalid");
});

Deno.test("AudioSpecificConfigs survive the round trip, rates outside the table too", () => {
  for (const sampleRate of [...AAC_SAMPLE_RATES, 37_800]) {
    const config = { objectType: 2, sampleRate, channelConfiguration: 2 };
    assert.deepEqual(parseAacConfig(writeAacConfig(config)), config);
  }
  assert.deepEqual([
    ...writeAacConfig({ objectType: 2, sampleRate: 44_100, channelConfiguration: 2 }),
  ], [0x12, 0x10]);
  assert.throws(
    () => writeAacConfig({ objectType: 40, sampleRate: 8000, channelConfiguration: 1 }),
    RangeError,
  );
});

Deno.test("parseAacConfig() finds the core coder of explicit SBR", () => {
  assert.deepEqual(parseAacConfig(Uint8Array.of(0x2B, 0x92, 0x08, 0x00)), {
    objectType: 2,
    sampleRate: 22_050,
    channelConfiguration: 2,
  });
  assert.throws(() => parseAacConfig(Uint8Array.of(0x12)), { code: "MEDIA_BAD_FRAME" });
  assert.throws(() => parseAacConfig(Uint8Array.of(0x16, 0x90)), { code: "MEDIA_BAD_FRAME" });
});

Deno.test("opusPacketSamples() follows the TOC byte", () => {
  const frame = (config: number): number => opusPacketSamples(Uint8Array.of(config << 3));
  assert.deepEqual([0, 1, 2, 3].map(frame), [480, 960, 1920, 2880]); // SILK
  assert.deepEqual([12, 13, 14, 15].map(frame), [480, 960, 480, 960]); // hybrid
  assert.deepEqual([28, 29, 30, 31].map(frame), [120, 240, 480, 960]); // CELT
  assert.equal(opusPacketSamples(Uint8Array.of(31 << 3 | 1)), 1920);
  assert.equal(opusPacketSamples(Uint8Array.of(31 << 3 | 2)), 1920);
  assert.equal(opusPacketSamples(Uint8Array.of(31 << 3 | 3, 6)), 5760);
  assert.equal(opusPacketSamples(Uint8Array.of(31 << 3 | 3, 7)), 0);
  assert.equal(opusPacketSamples(Uint8Array.of(31 << 3 | 3)), 0);
  assert.equal(opusPacketSamples(new Uint8Array(0)), 0);
});

Deno.test("OpusHeads and channel configuration codes survive the round trip", () => {
  for (let code = 0; code <= 8; code++) {
    const head = opusHeadFromChannelConfig(code);
    assert.ok(head !== undefined);
    assert.deepEqual(parseOpusHead(writeOpusHead(head)), head);
    assert.equal(opusChannelConfig(head), code);
    assert.equal(head.channels, code === 0 ? 2 : code);
  }
  assert.equal(opusHeadFromChannelConfig(9), undefined);
  const odd = { ...opusHeadFromChannelConfig(6)!, mapping: [0, 1, 2, 3, 4, 5] };
  assert.throws(() => opusChannelConfig(odd), { code: "MEDIA_UNSUPPORTED_CODEC" });
});

Deno.test("parseOpusHead() refuses what is none", () => {
  const head = writeOpusHead(opusHeadFromChannelConfig(6)!);
  for (let length = 0; length < head.length; length++) {
    assert.throws(() => parseOpusHead(head.subarray(0, length)), { code: "MEDIA_BAD_FRAME" });
  }
  assert.throws(() => parseOpusHead(new TextEncoder().encode("OpusTags\x01 and more bytes")), {
    code: "MEDIA_BAD_FRAME",
  });
});

Deno.test("Opus control headers survive the round trip for every size", () => {
  for (let bytes = 1; bytes <= 1300; bytes++) {
    const headerBytes = opusControlHeaderBytes(bytes);
    const target = new Uint8Array(headerBytes + bytes);
    writeOpusControlHeader(bytes, { target, offset: 0 });
    target[headerBytes] = 31 << 3;
    const frame = asHeader(parseOpusTsFrame(target, 0));
    assert.equal(frame.payloadOffset, headerBytes);
    assert.equal(frame.frameBytes, target.length);
    assert.equal(frame.samples, 960);
    for (const cut of [1, 2, headerBytes - 1, headerBytes]) {
      assert.equal(parseOpusTsFrame(target.subarray(0, cut), 0), "more");
    }
  }
});

Deno.test("parseOpusTsFrame() passes over trims and extensions", () => {
  const bytes = Uint8Array.of(0x7F, 0xFC, 3, 0, 120, 0, 60, 2, 9, 9, 31 << 3, 1, 2);
  const frame = asHeader(parseOpusTsFrame(bytes, 0));
  assert.equal(frame.payloadOffset, 10);
  assert.equal(frame.frameBytes, bytes.length);
  assert.equal(parseOpusTsFrame(Uint8Array.of(0x7F, 0xC0, 3), 0), "invalid");
});

Deno.test("parseMpegAudioHeader() computes sizes of all layers", () => {
  const cases: [number[], Partial<AudioFrameHeader>][] = [
    [[0xFF, 0xFB, 0x90, 0x00], { frameBytes: 417, samples: 1152, sampleRate: 44_100, channels: 2 }],
    [[0xFF, 0xFB, 0x92, 0xC0], { frameBytes: 418, samples: 1152, sampleRate: 44_100, channels: 1 }],
    [[0xFF, 0xF3, 0x80, 0x00], { frameBytes: 208, samples: 576, sampleRate: 22_050 }],
    [[0xFF, 0xE3, 0x80, 0x00], { frameBytes: 417, samples: 576, sampleRate: 11_025 }],
    [[0xFF, 0xFD, 0xA4, 0x00], { frameBytes: 576, samples: 1152, sampleRate: 48_000 }],
    [[0xFF, 0xFF, 0xC4, 0x00], { frameBytes: 384, samples: 384, sampleRate: 48_000 }],
  ];
  for (const [bytes, expected] of cases) {
    const header = asHeader(parseMpegAudioHeader(Uint8Array.from(bytes), 0));
    assert.deepEqual({ ...header, ...expected }, header);
  }
  for (const wrong of [[0xFF, 0xEB, 0x90, 0], [0xFF, 0xF9, 0x90, 0], [0xFF, 0xFB, 0x00, 0]]) {
    assert.equal(parseMpegAudioHeader(Uint8Array.from(wrong), 0), "invalid");
  }
  assert.equal(parseMpegAudioHeader(Uint8Array.of(0xFF, 0xFB), 0), "more");
});

Deno.test("parseAc3Header() computes sizes and channels", () => {
  const stereo = Uint8Array.of(0x0B, 0x77, 0, 0, 0x14, 0x40, 0x40, 0); // 48 kHz, 192 kbit/s, 2/0
  assert.deepEqual(parseAc3Header(stereo, 0), {
    frameBytes: 768,
    payloadOffset: 0,
    samples: 1536,
    sampleRate: 48_000,
    channels: 2,
    codec: "ac3",
  });
  const surround = Uint8Array.of(0x0B, 0x77, 0, 0, 0x5F, 0x40, 0xE1, 0); // 44.1 kHz, 3/2 and LFE
  const header = asHeader(parseAc3Header(surround, 0));
  assert.deepEqual([header.frameBytes, header.sampleRate, header.channels], [1952, 44_100, 6]);
  const unknown = stereo.slice();
  unknown[5] = 17 << 3;
  assert.equal(parseAc3Header(unknown, 0), "invalid");
  assert.equal(parseAc3Header(stereo.subarray(0, 5), 0), "more");
});

/** The head of an Enhanced AC-3 frame of 16 bytes: 48 kHz, 2 blocks, 3/2 and LFE. */
function enhancedFrame(type: number, substream: number): number[] {
  return [0x0B, 0x77, type << 6 | substream << 3, 7, 0x1F, 16 << 3, ...new Array(10).fill(0)];
}

Deno.test("parseAc3Header() takes Enhanced AC-3 with all substreams of its time as one frame", () => {
  const unit = [...enhancedFrame(0, 0), ...enhancedFrame(1, 0), ...enhancedFrame(0, 1)];
  const data = Uint8Array.from([...unit, ...enhancedFrame(0, 0)]);
  assert.deepEqual(parseAc3Header(data, 0), {
    frameBytes: 48,
    payloadOffset: 0,
    samples: 512,
    sampleRate: 48_000,
    channels: 6,
    codec: "eac3",
  });
  assert.equal(asHeader(parseAc3Header(data, 48)).frameBytes, 16);
});

Deno.test("parseDtsHeader() takes the extension substream with the core", () => {
  // 512 samples, 96 bytes of core, 3/2 at 48 kHz, LFE; then an extension of 24 bytes.
  const core = [0x7F, 0xFE, 0x80, 0x01, 0xFC, 0x3C, 0x05, 0xF2, 0x76, 0xE0, 0x04, 0x00];
  const extension = [0x64, 0x58, 0x20, 0x25, 0, 0x01, 0xE0, 0x02, 0xE0, 0, 0, 0];
  const data = new Uint8Array(96 + 24);
  data.set(core);
  assert.deepEqual(parseDtsHeader(data, 0), {
    frameBytes: 96,
    payloadOffset: 0,
    samples: 512,
    sampleRate: 48_000,
    channels: 6,
    codec: "dts",
  });
  data.set(extension, 96);
  assert.equal(asHeader(parseDtsHeader(data, 0)).frameBytes, 120);
  assert.equal(parseDtsHeader(data.subarray(0, 3), 0), "more");
  assert.equal(parseDtsHeader(data, 1), "invalid");
});

Deno.test("program config elements survive the way into an AudioSpecificConfig and a frame", () => {
  const programConfig = dualMonoConfig(2, 3);
  const config = { objectType: 2, sampleRate: 48_000, channelConfiguration: 0, programConfig };
  assert.deepEqual(parseAacConfig(writeAacConfig(config)), config);
  const frame = Uint8Array.from([...programConfigPrefix(programConfig), 1, 2, 3]);
  assert.deepEqual(programConfigOfFrame(frame), programConfig);
  assert.equal(programConfigOfFrame(frame.subarray(0, 4)), undefined);
  assert.equal(programConfigOfFrame(Uint8Array.of(0x21, 2, 3)), undefined);
  assertAdtsConfig(config);
});

Deno.test("audio frame parsers never throw, and never promise an empty frame", () => {
  let state = 11;
  const data = Uint8Array.from({ length: 60_000 }, () => {
    state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF;
    return [0xFF, 0x0B, 0x77, 0x7F, state >> 20 & 0xFF, state >> 12 & 0xFF][state >> 16 & 3]!;
  });
  for (const parse of Object.values(AUDIO_FRAME_PARSERS)) {
    for (let offset = 0; offset <= data.length; offset++) {
      const result = parse(data, offset);
      if (typeof result === "string") continue;
      assert.ok(result.frameBytes > result.payloadOffset);
      // Frames of these may leave their configuration to the one before.
      const isDescribed = result.sampleRate > 0 && result.samples > 0;
      assert.ok(isDescribed || ["aac_latm", "dts", "truehd"].includes(result.codec ?? ""));
    }
  }
});

function asHeader(result: AudioFrameResult): AudioFrameHeader {
  assert.ok(typeof result !== "string", `no header: ${String(result)}`);
  return result;
}
