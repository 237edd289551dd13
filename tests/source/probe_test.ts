import assert from "node:assert/strict";
import { readArguments } from "../../src/source/file_source.ts";
import { withoutCredentials } from "../../src/base/mod.ts";
import { inputAddress, unreadableInput } from "../../src/source/input_address.ts";
import { planInput, type ProbedPacket, type ProbedStream } from "../../src/source/probe.ts";

/** What is chosen from an input, and how ffmpeg is told. */

const H264: ProbedStream = {
  index: 0,
  codec_type: "video",
  codec_name: "h264",
  avg_frame_rate: "30000/1001",
};
const AAC: ProbedStream = { index: 1, codec_type: "audio", codec_name: "aac" };
const MP4 = { format_name: "mov,mp4,m4a,3gp,3g2,mj2", duration: "10.01" };

/** How video and audio would be read. */
function plans(streams: readonly ProbedStream[], format = MP4): readonly unknown[] {
  const { video, audio } = planInput({ streams, format }, "clip").info;
  return [video, audio];
}

Deno.test("planInput() copies what the demuxer reads and transcodes the rest", () => {
  assert.deepEqual(plans([H264, AAC]), ["copy", "copy"]);
  for (const codec_name of ["hevc", "h264"]) {
    assert.deepEqual(plans([{ ...H264, codec_name }]), ["copy", undefined]);
  }
  for (const codec_name of ["vp9", "av1", "mpeg2video", "mjpeg"]) {
    assert.deepEqual(plans([{ ...H264, codec_name }]), ["transcode", undefined]);
  }
  for (const codec_name of ["mpeg1video", "mpeg2video", "mpeg4", "dirac"]) {
    const inTs = plans([{ ...H264, codec_name }], { ...MP4, format_name: "mpegts" });
    assert.deepEqual(inTs, ["copy", undefined]);
  }
  for (const codec_name of ["opus", "mp3", "ac3"]) {
    assert.deepEqual(plans([{ ...AAC, codec_name }]), [undefined, "copy"]);
  }
  for (const codec_name of ["aac_latm", "eac3", "flac", "pcm_s16le", "mp2"]) {
    assert.deepEqual(plans([{ ...AAC, codec_name }]), [undefined, "transcode"]);
  }
});

Deno.test("planInput() transcodes turned pictures and untimed containers", () => {
  assert.deepEqual(plans([{ ...H264, side_data_list: [{}, { rotation: -90 }] }]), [
    "transcode",
    undefined,
  ]);
  assert.deepEqual(plans([{ ...H264, tags: { rotate: "180" } }]), ["transcode", undefined]);
  assert.deepEqual(plans([{ ...H264, side_data_list: [{ rotation: 360 }] }]), ["copy", undefined]);
  assert.deepEqual(plans([H264, AAC], { ...MP4, format_name: "avi" }), ["transcode", "transcode"]);
});

Deno.test("planInput() transcodes what an edit list cuts, and copies what it only marks", () => {
  const plansOf = (packets: readonly ProbedPacket[]): readonly unknown[] => {
    const { video, audio } = planInput({ streams: [H264, AAC], format: MP4, packets }, "clip").info;
    return [video, audio];
  };
  const runIn = { stream_index: 1, pts_time: "-0.021333", flags: "KD" };
  assert.deepEqual(plansOf([{ stream_index: 0, pts_time: "0.000", flags: "K_" }, runIn]), [
    ...["copy", "copy"],
  ]);
  const cut = { stream_index: 0, pts_time: "-1.320000", flags: "KD" };
  assert.deepEqual(plansOf([cut, runIn]), ["transcode", "copy"]);
  assert.deepEqual(plansOf([{ ...cut, stream_index: 1 }]), ["copy", "transcode"]);
});

Deno.test("planInput() transcodes what an edit list shows in several parts", () => {
  const { video, audio } = planInput({ streams: [H264, AAC], format: MP4, edits: [2, 1] }, "clip")
    .info;
  assert.deepEqual([video, audio], ["transcode", "copy"]);
});

Deno.test("planInput() lets copied pictures say what their container says of their pixels", () => {
  const filterOf = (sample_aspect_ratio: string, format = MP4): string | undefined =>
    planInput({ streams: [{ ...H264, sample_aspect_ratio }], format }, "clip").video
      ?.bitstreamFilter;
  assert.equal(filterOf("16:11"), "h264_metadata=sample_aspect_ratio=16/11");
  for (const square of ["1:1", "0:1", "N/A"]) assert.equal(filterOf(square), undefined);
  assert.equal(filterOf("16:11", { ...MP4, format_name: "mpegts" }), undefined);
});

Deno.test("planInput() takes the first streams and no cover", () => {
  const cover = { ...H264, codec_name: "mjpeg", disposition: { attached_pic: 1 } };
  assert.deepEqual(plans([cover, AAC]), [undefined, "copy"]);
  const second = { ...H264, index: 3, codec_name: "vp9" };
  const plan = planInput({ streams: [cover, AAC, { ...H264, index: 2 }, second] }, "clip");
  assert.equal(plan.video?.map, "0:2");
  assert.equal(plan.audio?.map, "0:1");
});

Deno.test("planInput() counts frames as the container does, else by rate and length", () => {
  const info = (streams: readonly ProbedStream[], format = {}) =>
    planInput({ streams, format }, "clip").info;
  assert.equal(info([{ ...H264, nb_frames: "299" }], MP4).frameCount, 299);
  assert.equal(info([H264], MP4).frameCount, 300);
  assert.equal(info([H264], MP4).durationSeconds, 10.01);
  assert.equal(info([H264]).frameRate, 30_000 / 1001);
  assert.equal(info([AAC], MP4).frameRate, undefined);
  assert.equal(info([H264]).frameCount, undefined);
  assert.equal(info([H264], { duration: "N/A" }).durationSeconds, undefined);
  assert.equal(info([{ ...H264, avg_frame_rate: "0/0" }], MP4).frameCount, undefined);
  assert.equal(info([AAC], MP4).frameCount, undefined);
});

Deno.test("planInput() refuses an input without video and audio", () => {
  const subtitles = { index: 0, codec_type: "subtitle", codec_name: "subrip" };
  assert.throws(() => planInput({ streams: [subtitles] }, "clip.srt"), {
    code: "MEDIA_NO_STREAM",
    message: /clip\.srt/,
  });
  assert.throws(() => planInput({}, "nothing"), { code: "MEDIA_NO_STREAM" });
});

Deno.test("readArguments() maps and codes what was planned", () => {
  const plan = planInput({ streams: [H264, { ...AAC, codec_name: "flac" }], format: MP4 }, "clip");
  const words = readArguments(inputAddress("a b.mkv"), plan).join(" ");
  assert.match(words, / -i file:a b\.mkv -map 0:0 -map 0:1 -c:v copy -c:a aac /);
  assert.match(words, / -f mpegts pipe:1$/);
});

Deno.test("inputAddress() tells files, devices and streams apart", () => {
  assert.deepEqual(inputAddress("-odd:name.mp4").args, ["-i", "file:-odd:name.mp4"]);
  assert.deepEqual(inputAddress("file:///tmp/a%20b.ts").args, ["-i", "file:/tmp/a b.ts"]);
  assert.equal(inputAddress("C:\\clips\\a.mp4").path, "C:\\clips\\a.mp4");
  assert.deepEqual(inputAddress("/dev/video0").args, ["-f", "v4l2", "-i", "/dev/video0"]);
  assert.deepEqual(inputAddress("rtsp://cam/1").args, [
    ...["-rtsp_transport", "tcp", "-i", "rtsp://cam/1"],
  ]);
  assert.deepEqual(inputAddress("https://a/b.m3u8").args, ["-i", "https://a/b.m3u8"]);
  assert.equal(inputAddress("https://a/b.m3u8").path, undefined);
  assert.deepEqual(inputAddress("udp:127.0.0.1:1234").args, ["-i", "udp:127.0.0.1:1234"]);
});

Deno.test("passwords are in no label, message or context", () => {
  const input = "rtsp://user:p@ss@cam/1";
  const { label } = inputAddress(input);
  assert.equal(label, "rtsp://cam/1");
  assert.equal(withoutCredentials("mail a@b, see http://c/d@e"), "mail a@b, see http://c/d@e");
  const stderr = [`${input}: Connection refused`];
  const error = unreadableInput(label, { code: 1, signal: null, stderr });
  assert.equal(error.code, "FFMPEG_EXIT");
  assert.equal(
    error.message,
    "Cannot read rtsp://cam/1: Connection refused; check that ffmpeg can open it",
  );
  assert.doesNotMatch(JSON.stringify(error.context), /p@ss|user/);
});
