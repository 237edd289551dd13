/**
 * How far a command is, as one line of text.
 *
 * @module
 */

/** What a {@linkcode progressLine} shows. */
export interface Progress {
  /** Frames that are done. */
  readonly frames: number;
  /** Frames in all, where that is known. */
  readonly totalFrames: number | undefined;
  /** Since the beginning. */
  readonly elapsedSeconds: number;
}

const BAR_WIDTH = 24;

/** A line such as `[######------]  50%  150/300 frames  60.0 fps  0:02 left`. */
export function progressLine({ frames, totalFrames, elapsedSeconds }: Progress): string {
  const fps = elapsedSeconds > 0 ? frames / elapsedSeconds : 0;
  const rate = `${fps.toFixed(1)} fps`;
  if (totalFrames === undefined || totalFrames <= 0) {
    return `${frames} frames  ${rate}  ${clock(elapsedSeconds)}`;
  }
  // An estimate of the total may be too low.
  const share = Math.min(1, frames / totalFrames);
  const left = fps > 0 ? clock(Math.max(0, totalFrames - frames) / fps) : "-:--";
  return `${shareBar(share)}  ${frames}/${totalFrames} frames  ${rate}  ${left} left`;
}

/** How much of a download is there, such as `[######------]  50%  2.3/4.7 MB`. */
export function bytesLine(loadedBytes: number, totalBytes: number | undefined): string {
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  if (totalBytes === undefined || totalBytes <= 0) return `${megabytes(loadedBytes)} MB`;
  const share = Math.min(1, loadedBytes / totalBytes);
  return `${shareBar(share)}  ${megabytes(loadedBytes)}/${megabytes(totalBytes)} MB`;
}

/** A share of 0 to 1 as a bar and in percent. */
function shareBar(share: number): string {
  const filled = Math.round(share * BAR_WIDTH);
  const bar = "#".repeat(filled) + "-".repeat(BAR_WIDTH - filled);
  return `[${bar}] ${`${Math.floor(share * 100)}%`.padStart(4)}`;
}

/** Seconds as `M:SS` or `H:MM:SS`. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const pair = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = pair(whole % 60);
  return hours > 0 ? `${hours}:${pair(minutes)}:${tail}` : `${minutes}:${tail}`;
}
