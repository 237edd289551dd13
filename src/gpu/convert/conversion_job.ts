/**
 * What a conversion is made of, and its parameters as the shader reads them: `Job` of `JOB_WGSL`.
 *
 * @module
 */

import type { Rect, Size } from "../../media/rect.ts";
import type { Constants, WgslName } from "./conversion_shader.ts";
import { shownPixels } from "./fit.ts";

/** Where pixels come from. */
export interface ConversionSource {
  readonly buffer: GPUBuffer;
  readonly size: Size;
  /** Parts of the shader. */
  readonly wgsl: readonly WgslName[];
  readonly constants: Constants;
  readonly fields: JobFields;
}

/** Where pixels go. */
export interface ConversionTarget {
  readonly size: Size;
  /** Parts of the shader. */
  readonly wgsl: readonly WgslName[];
  readonly constants: Constants;
  readonly fields: JobFields;
  /** 32-bit words of the result. */
  readonly words: number;
  /** Invocations that write them. */
  readonly units: number;
}

/** A conversion, without the buffer of its result. */
export interface ConversionJob {
  readonly source: ConversionSource;
  readonly target: ConversionTarget;
  /** The part of the source that is shown. */
  readonly crop: Rect;
  /** The part of the target that it fills. */
  readonly inner: Rect;
  readonly background: readonly number[];
}

/** Values of the uniform `Job`, by name; the order of its fields is in {@linkcode JOB_LAYOUT}. */
export type JobFields = Partial<Record<JobField, readonly number[]>>;

/** Fields of `Job` in their order, and how many words each takes; its WGSL alignment needs no gaps. */
const JOB_LAYOUT = {
  source_size: 2,
  target_size: 2,
  origin: 2,
  step: 2,
  first: 2,
  last: 2,
  inner_min: 2,
  inner_max: 2,
  background: 4,
  yuv: 4,
  yuv_more: 4,
  to_y: 4,
  to_u: 4,
  to_v: 4,
  grey: 4,
  in_scale: 4,
  in_bias: 4,
  out_scale: 4,
  out_bias: 4,
  counts: 4,
} as const;

type JobField = keyof typeof JOB_LAYOUT;

/** Fields that are not `f32`. */
const INTEGER_FIELDS: ReadonlySet<string> = new Set(
  ["source_size", "target_size", "first", "last", "inner_min", "inner_max", "counts"],
);

/** The uniform buffer's content. */
export function jobWords(
  { source, target, crop, inner, background }: ConversionJob,
): Uint32Array<ArrayBuffer> {
  const [stepX, stepY] = [crop.width / inner.width, crop.height / inner.height];
  const columns = shownPixels({ start: crop.x, length: crop.width }, source.size.width);
  const rows = shownPixels({ start: crop.y, length: crop.height }, source.size.height);
  const fields: JobFields = {
    ...source.fields,
    ...target.fields,
    source_size: sides(source.size),
    target_size: sides(target.size),
    origin: [crop.x - inner.x * stepX, crop.y - inner.y * stepY],
    step: [stepX, stepY],
    first: [columns.first, rows.first],
    last: [columns.end - 1, rows.end - 1],
    inner_min: [inner.x, inner.y],
    inner_max: [inner.x + inner.width, inner.y + inner.height],
    background: [...background.slice(0, 3), 255],
    counts: [target.units, target.words, 0, 0],
  };
  const total = Object.values(JOB_LAYOUT).reduce((sum, count) => sum + count, 0);
  const words = new Uint32Array(total);
  const floats = new Float32Array(words.buffer);
  let at = 0;
  for (const [name, count] of Object.entries(JOB_LAYOUT)) {
    const into = INTEGER_FIELDS.has(name) ? words : floats;
    into.set(fields[name as JobField] ?? [], at);
    at += count;
  }
  return words;
}

function sides({ width, height }: Size): [number, number] {
  return [width, height];
}
