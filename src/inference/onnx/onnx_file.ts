/**
 * The contents of an ONNX file, read without building a graph: versions, constants and files beside
 * it (onnx.proto: ModelProto, GraphProto, TensorProto). Constants are skipped over, not copied.
 *
 * @module
 */

import { type Fields, ProtobufReader, readMessage } from "./protobuf.ts";

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
  /** The program that wrote it; empty when the file does not say. */
  readonly producer: string;
  /** The names of its outputs, with their element types (`TensorProto.DataType`; 0: no tensor). */
  readonly outputs: readonly { readonly name: string; readonly elementType: number }[];
  /** Constants in other files. */
  readonly externalTensors: readonly ExternalTensor[];
  /** The largest constant inside the file. */
  readonly largestConstant: { readonly name: string; readonly bytes: number };
  /** Its convolutions (`Conv`). */
  readonly convolutions: readonly Convolution[];
}

/** A `Conv` operator. */
export interface Convolution {
  /** `[outputs, inputs / group, ...kernel]`; undefined where the weights are no constant of the file. */
  readonly weightDims: readonly number[] | undefined;
  readonly group: number;
  /** Whether it skips pixels or pads. */
  readonly hasStridesOrPads: boolean;
}

/** The most entries of a list; real models have fewer. */
const MAX_ENTRIES = 100_000;

/** The deepest nesting of graphs. */
const MAX_DEPTH = 32;

/**
 * Reads an ONNX file. Throws a `RangeError` that names the offset where the bytes end too early or are
 * no protocol buffer, and where there is no graph.
 */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  const opsets = new Map<string, number>();
  const outputs: { name: string; elementType: number }[] = [];
  const constants = new Constants();
  const convolutions: NodeHead[] = [];
  let [irVersion, producer, hasGraph] = [0, "", false];
  const output = (info: ProtobufReader) => addCapped(outputs, readValueInfo(info), info);
  const convolution = (node: NodeHead) => convolutions.push(node);
  readMessage(new ProtobufReader(bytes), {
    1: (_, integer) => irVersion = integer,
    2: (value) => producer = value.readText(),
    7: (value) => {
      hasGraph = true;
      readMessage(value, { ...graphFields({ constants, convolution }), 12: output });
    },
    8: (value) => {
      let [domain, version] = ["", 0];
      readMessage(value, { 1: (v) => domain = v.readText(), 2: (_, integer) => version = integer });
      opsets.set(domain, version);
    },
  });
  if (!hasGraph) throw new RangeError("no graph was found in it");
  return {
    irVersion,
    opsets,
    producer,
    outputs,
    externalTensors: constants.external,
    largestConstant: constants.largest,
    convolutions: convolutions.map(({ inputs, group, hasStridesOrPads }) => {
      return { weightDims: constants.dims.get(inputs[1] ?? ""), group, hasStridesOrPads };
    }),
  };
}

/** What is kept of a node. */
interface NodeHead {
  opType: string;
  readonly inputs: string[];
  output: string;
  group: number;
  hasStridesOrPads: boolean;
}

/** The constants of a graph and of those in it. */
class Constants {
  readonly dims = new Map<string, readonly number[]>();
  readonly external: ExternalTensor[] = [];
  largest = { name: "", bytes: 0 };

  /** Reads a tensor; `name` is used for a tensor that has no name. */
  add(value: ProtobufReader, name = ""): void {
    const tensor = readTensor(value);
    const known = tensor.name || name;
    if (tensor.bytes > this.largest.bytes) this.largest = { name: known, bytes: tensor.bytes };
    if (tensor.external !== undefined) addCapped(this.external, tensor.external, value);
    if (known !== "" && this.dims.size < MAX_ENTRIES) this.dims.set(known, tensor.dims);
  }
}

interface GraphVisitor {
  readonly constants: Constants;
  readonly convolution: (node: NodeHead) => void;
}

/** Constants are the graph's own, in its nodes, and in graphs that are attributes of nodes. */
function graphFields(visitor: GraphVisitor, depth = 0): Fields {
  const { constants } = visitor;
  const graph = (value: ProtobufReader): void => {
    if (depth >= MAX_DEPTH) throw new RangeError(`graphs too deep at byte ${value.offset}`);
    readMessage(value, graphFields(visitor, depth + 1));
  };
  const node = (value: ProtobufReader): void => {
    const head: NodeHead = {
      opType: "",
      inputs: [],
      output: "",
      group: 1,
      hasStridesOrPads: false,
    };
    const constant = (tensor: ProtobufReader) => constants.add(tensor, head.output);
    const attribute = (field: ProtobufReader): void => {
      let name = "";
      readMessage(field, {
        1: (text) => name = text.readText(),
        3: (_, integer) => head.group = name === "group" ? integer : head.group,
        5: constant,
        6: graph,
        8: (ints, integer, isInteger) => {
          const plain = { strides: 1, pads: 0 }[name];
          if (plain === undefined) return;
          for (const value of integers(ints, integer, isInteger)) {
            head.hasStridesOrPads ||= value !== plain;
          }
        },
        10: constant,
        11: graph,
      });
    };
    readMessage(value, {
      1: (input) => addCapped(head.inputs, input.readText(), input),
      2: (output) => head.output ||= output.readText(),
      4: (text) => head.opType = text.readText(),
      5: attribute,
    });
    if (head.opType === "Conv") visitor.convolution(head);
  };
  return { 1: node, 5: (value) => constants.add(value) };
}

/** One value of a repeated integer, or all of them where they are packed. */
function integers(packed: ProtobufReader, integer: number, isInteger: boolean): number[] {
  if (isInteger) return [integer];
  const values: number[] = [];
  while (packed.remaining > 0) addCapped(values, packed.readVarint(), packed);
  return values;
}

interface TensorHead {
  readonly name: string;
  readonly dims: readonly number[];
  readonly bytes: number;
  readonly external: ExternalTensor | undefined;
}

function readTensor(reader: ProtobufReader): TensorHead {
  let [name, bytes, isExternal] = ["", 0, false];
  const dims: number[] = [];
  const entries = new Map<string, string>();
  const lengthOf = (value: ProtobufReader) => {
    bytes += value.remaining;
  };
  readMessage(reader, {
    1: (value, integer, isInteger) => dims.push(...integers(value, integer, isInteger)),
    4: lengthOf,
    5: lengthOf,
    7: lengthOf,
    8: (value) => name = value.readText(),
    9: lengthOf,
    10: lengthOf,
    11: lengthOf,
    13: (value) => {
      let [key, text] = ["", ""];
      readMessage(value, { 1: (v) => key = v.readText(), 2: (v) => text = v.readText() });
      entries.set(key, text);
    },
    14: (_, integer) => isExternal = integer === 1,
  });
  if (!isExternal) return { name, dims, bytes, external: undefined };
  const length = entries.get("length");
  const external = {
    name,
    location: entries.get("location") ?? "",
    offset: Number(entries.get("offset") ?? 0),
    length: length === undefined ? undefined : Number(length),
  };
  return { name, dims, bytes, external };
}

function readValueInfo(reader: ProtobufReader): { name: string; elementType: number } {
  let [name, elementType] = ["", 0];
  readMessage(reader, {
    1: (value) => name = value.readText(),
    2: (type) =>
      readMessage(type, {
        1: (tensor) => readMessage(tensor, { 1: (_, integer) => elementType = integer }),
      }),
  });
  return { name, elementType };
}

function addCapped<T>(list: T[], entry: T, reader: ProtobufReader): void {
  if (list.length >= MAX_ENTRIES) {
    throw new RangeError(`more than ${MAX_ENTRIES} entries at byte ${reader.offset}`);
  }
  list.push(entry);
}
