/**
 * An ffmpeg that codes pictures and sound between its own pipes and can do nothing else. ffmpeg reads and
 * writes any file and talks to any host, so a process that may run it may do all that, too. This one is a
 * script that looks at the arguments first and refuses all but those of `media/codec/arguments.ts`.
 *
 * @module
 */

import { describeError, ProcessorError, variable } from "../../../base/mod.ts";

/** A script in a folder of its own. */
export interface ConfinedFfmpeg extends Disposable {
  /** What to run. */
  readonly path: string;
}

/** Variables that the driver of a card needs. */
const PASSED = ["PATH", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"] as const;

/**
 * Writes the script. The folder is this user's alone. Throws a `ProcessorError` where no file can be made.
 * Windows has no such script: the path is that of ffmpeg itself.
 */
export function createConfinedFfmpeg(ffmpeg: string): ConfinedFfmpeg {
  if (Deno.build.os === "windows") return { path: ffmpeg, [Symbol.dispose]() {} };
  try {
    const folder = Deno.makeTempDirSync({ prefix: "runnel-" });
    const path = `${folder}/ffmpeg`;
    Deno.writeTextFileSync(path, confinedFfmpegScript(ffmpeg), { mode: 0o500 });
    return { path, [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
  } catch (error) {
    throw new ProcessorError(
      "PROCESSOR_INITIALIZE",
      `Cannot start a process for a stream: ${describeError(error)}; it needs a folder for ` +
        "temporary files (TMPDIR) in which programs may be run",
      { cause: error },
    );
  }
}

/**
 * The script. The environment that comes in is dropped before the shell starts: some shells run what it
 * holds.
 */
export function confinedFfmpegScript(ffmpeg: string): string {
  const variables = PASSED.flatMap((name) => {
    const value = variable(name);
    return value === undefined ? [] : [`export ${name}=${quote(value)}`];
  });
  return `${SCRIPT_HEAD}\n${variables.join("\n")}\ncd /\nexec ${quote(ffmpeg)} "$@"\n`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const SCRIPT_HEAD = String.raw`#!/usr/bin/env -S -i /bin/sh
# Written by Runnel: ffmpeg for the process of one stream, with the arguments of a codec and no others.
set -f
refuse() {
  echo "runnel: a confined ffmpeg does not take: $*" >&2
  exit 64
}
filters() {
  IFS=',;'
  # An escaped comma is part of an expression.
  case $1 in *\\,*) set -- "${"${1%%\\\\,*}${1#*\\\\,}"}" ;; esac
  # A slash at the beginning of a value would name a file that holds it.
  case $1 in *[!][A-Za-z0-9_=:.*/+\(\),\;-]* | *=/* | *:/*) return 1 ;; esac
  for filter in $1; do
    # The names of what goes from one part of a tone map to the next.
    filter=${"${filter#\\[in\\]}"}
    filter=${"${filter#\\[pictures\\]\\[table\\]}"}
    filter=${"${filter%\\[pictures\\]}"}
    filter=${"${filter%\\[table\\]}"}
    case $filter in
      *[][]*) return 1 ;;
      null | hwdownload | zscale) ;;
      haldclutsrc=* | haldclut=clut=first | mergeplanes=* | setpts=-1000000000) ;;
      scale=* | setsar=* | crop=* | setparams=* | format=* | zscale=* | tonemap=*) ;;
      aresample=* | aformat=*) ;;
      *) return 1 ;;
    esac
  done
  unset IFS
}
option=
format=
card=
for arg; do
  case $option in
    '')
      case $arg in
        -hide_banner | -nostats | -nostdin | -copyts | -nofind_stream_info | -y) ;;
        -version | -encoders | -decoders | -filters) ;;
        -f | -i | -vf | -af | -flags | -c:v | -c:a | -force_key_frames | -x264-params) option=$arg ;;
        -loglevel | -probesize | -analyzeduration | -map | -threads | -thread_type) option=$arg ;;
        -max_pixels | -max_error_rate | -hwaccel | -hwaccel_output_format) option=$arg ;;
        -pix_fmt | -fps_mode | -enc_time_base | -write_index | -frames:v) option=$arg ;;
        -preset | -tune | -g | -keyint_min | -sc_threshold | -crf | -bf | -forced-idr) option=$arg ;;
        -rc | -cq | -b:v | -b:a | -maxrate | -bufsize | -zerolatency | -delay) option=$arg ;;
        -no-scenecut | -surfaces | -ar | -ac | -frame_duration | -application) option=$arg ;;
        pipe:1 | -)
          case $format:$arg in nut:pipe:1 | h264:pipe:1 | rawvideo:pipe:1 | null:-) ;; *) refuse "$arg" ;; esac
          ;;
        *) refuse "$arg" ;;
      esac
      continue
      ;;
    -f)
      case $arg in nut | null | h264 | rawvideo | lavfi) format=$arg ;; *) refuse "-f $arg" ;; esac
      ;;
    -i)
      case $format:$arg in
        nut:pipe:0 | h264:pipe:0 | lavfi:color=black:s=256x256:r=25) format= ;;
        *) refuse "-i $arg" ;;
      esac
      ;;
    -vf | -af) filters "$arg" || refuse "$option $arg" ;;
    -flags)
      # Others make an encoder write a file.
      case $arg in low_delay | -global_header) ;; *) refuse "-flags $arg" ;; esac
      ;;
    -c:v)
      case $arg in
        rawvideo | libx264) ;;
        h264_nvenc) card=1 ;;
        *) refuse "-c:v $arg" ;;
      esac
      ;;
    -c:a)
      case $arg in
        pcm_f32le | libopus | aac | eac3 | dca | aac_latm | s302m | pcm_bluray | truehd) ;;
        *) refuse "-c:a $arg" ;;
      esac
      ;;
    -hwaccel)
      case $arg in cuda) card=1 ;; *) refuse "-hwaccel $arg" ;; esac
      ;;
    -force_key_frames)
      case $arg in 'expr:mod(t*4096,2)') ;; *) refuse "$option $arg" ;; esac
      ;;
    -x264-params)
      case $arg in fps=*[!0-9.]* | fps=) refuse "$option $arg" ;; fps=*) ;; *) refuse "$option $arg" ;; esac
      ;;
    *)
      case $arg in '' | *[!A-Za-z0-9_.:+-]*) refuse "$option $arg" ;; esac
      ;;
  esac
  option=
done
ulimit -c 0
ulimit -n 256
# A driver maps much more than it uses.
[ -n "$card" ] || ulimit -d 4194304 2>/dev/null`;
