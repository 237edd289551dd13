/**
 * What an ONNX file says of itself, read without building a graph: versions, constants and files beside
 * it (onnx.proto: ModelProto, GraphProto, TensorProto). Constants are skipped over, not copied.
 *
 * @module
 */

/** A constant that lies in a file of its own. */
export interface ExternalTensor {
  readonly name: string;
  /** The file's path, relative to the model's. */
  readonly location: string;
  readonly offset: number;
  /** In bytes; undefined: up to the end of the file. */
  readonly length: number | undefined;
}

/** What was read. */
export interface OnnxFile {
  /** Version of the file format. */
  readonly irVersion: number;
  /** The operator set version of each domain; the standard one is `""`. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Who wrote it, where it says. */
  readonly producer: string;
  /** The names of its outputs, with their element types (`TensorProto.DataType`; 0: no tensor). */
  readonly outputs: readonly { readonly name: string; readonly elementType: number }[];
  /** Constants in other files. */
  readonly externalTensors: readonly ExternalTensor[];
  /** The largest constant inside the file. */
  readonly largestConstant: { readonly name: string; readonly bytes: number };
}

/** Protocol buffers' wire types. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Message fields by number: each is called with a reader of its bytes, or with its integer. */
type Fields = Readonly<Record<number, (value: Reader, integer: number) => void>>;

/** External tensors and outputs beyond this are not of any real model. */
const MAX_ENTRIES = 100_000;

/** Graphs within graphs. */
const MAX_DEPTH = 32;

/**
 * Reads an ONNX file. Throws a `RangeError` that names the offset where the bytes end too early or are
 * no protocol buffer, and where there is no graph.
 */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  const opsets = new Map<string, number>();
  const outputs: { name: string; elementType: number }[] = [];
  const externalTensors: ExternalTensor[] = [];
  let largestConstant = { name: "", bytes: 0 };
  let [irVersion, producer, hasGraph] = [0, "", false];
  const constant = (value: Reader): void => {
    const { name, bytes, external } = readTensor(value);
    if (bytes > largestConstant.bytes) largestConstant = { name, bytes };
    if (external !== undefined) addCapped(externalTensors, external, value);
  };
  readMessage(new Reader(bytes, 0, bytes.length), {
    1: (_, integer) => irVersion = integer,
    2: (value) => producer = value.text(),
    7: (value) => {
      hasGraph = true;
      const output = (info: Reader) => addCapped(outputs, readValueInfo(info), info);
      readMessage(value, { ...graphFields(constant), 12: output });
    },
    8: (value) => {
      let [domain, version] = ["", 0];
      readMessage(value, { 1: (v) => domain = v.text(), 2: (_, integer) => version = integer });
      opsets.set(domain, version);
    },
  });
  if (!hasGraph) throw new RangeError("no graph was found in it");
  return { irVersion, opsets, producer, outputs, externalTensors, largestConstant };
}

/** Constants are the graph's own, in its nodes, and in graphs that are attributes of nodes. */
function graphFields(constant: (value: Reader) => void, depth = 0): Fields {
  const graph = (value: Reader): void => {
    if (depth >= MAX_DEPTH) throw new RangeError(`graphs too deep at byte ${value.at}`);
    readMessage(value, graphFields(constant, depth + 1));
  };
  const attribute: Fields = { 5: constant, 6: graph, 10: constant, 11: graph };
  const node: Fields = { 5: (value) => readMessage(value, attribute) };
  return { 1: (value) => readMessage(value, node), 5: constant };
}

function readTensor(
  reader: Reader,
): { name: string; bytes: number; external: ExternalTensor | undefined } {
  let [name, bytes, isExternal] = ["", 0, false];
  const entries = new Map<string, string>();
  const lengthOf = (value: Reader) => {
    bytes += value.length;
  };
  readMessage(reader, {
    4: lengthOf,
    5: lengthOf,
    7: lengthOf,
    8: (value) => name = value.text(),
    9: lengthOf,
    10: lengthOf,
    11: lengthOf,
    13: (value) => {
      let [key, text] = ["", ""];
      readMessage(value, { 1: (v) => key = v.text(), 2: (v) => text = v.text() });
      entries.set(key, text);
    },
    14: (_, integer) => isExternal = integer === 1,
  });
  if (!isExternal) return { name, bytes, external: undefined };
  const length = entries.get("length");
  const external = {
    name,
    location: entries.get("location") ?? "",
    offset: Number(entries.get("offset") ?? 0),
    length: length === undefined ? undefined : Number(length),
  };
  return { name, bytes, external };
}

function readValueInfo(reader: Reader): { name: string; elementType: number } {
  let [name, elementType] = ["", 0];
  readMessage(reader, {
    1: (value) => name = value.text(),
    2: (type) =>
      readMessage(type, {
        1: (tensor) => readMessage(tensor, { 1: (_, integer) => elementType = integer }),
      }),
  });
  return { name, elementType };
}

function readMessage(reader: Reader, fields: Fields): void {
  while (!reader.isAtEnd) {
    const key = reader.varint();
    const field = fields[Math.floor(key / 8)];
    const wireType = key % 8;
    if (wireType === VARINT) {
      const integer = reader.varint();
      field?.(reader, integer);
    } else if (wireType === LENGTH) {
      const value = reader.take(reader.varint());
      field?.(value, 0);
    } else if (wireType === FIXED64) reader.take(8);
    else if (wireType === FIXED32) reader.take(4);
    else throw new RangeError(`no protocol buffer: wire type ${wireType} at byte ${reader.at}`);
  }
}

function addCapped<T>(list: T[], entry: T, reader: Reader): void {
  if (list.length >= MAX_ENTRIES) {
    throw new RangeError(`more than ${MAX_ENTRIES} entries at byte ${reader.at}`);
  }
  list.push(entry);
}

/** A part of the file; `at` counts from the file's start. */
class Reader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  get length(): number {
    return this.#end - this.at;
  }

  /** An unsigned integer; more than 53 bits lose precision, which no size or version has. */
  varint(): number {
    let [value, scale] = [0, 1];
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.#end) throw new RangeError(`it ends early, at byte ${this.at}`);
      const byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError(`no protocol buffer: an integer of over 10 bytes at byte ${this.at}`);
  }

  take(length: number): Reader {
    const start = this.at;
    if (start + length > this.#end) {
      throw new RangeError(
        `it ends early: ${length} bytes should follow at byte ${start}, and ` +
          `${this.#end - start} do`,
      );
    }
    this.at = start + length;
    return new Reader(this.#bytes, start, this.at);
  }

  text(): string {
    return new TextDecoder().decode(this.#bytes.subarray(this.at, this.#end));
  }
}
