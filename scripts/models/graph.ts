/**
 * Small ONNX graphs put together in TypeScript: tensors, nodes and typed values become the bytes of a
 * model file (onnx.proto, IR version 8).
 *
 * @module
 */

import { create, toBinary } from "npm:@bufbuild/protobuf@2.17.0";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "npm:onnx-buf@1.20.0-1";

/** The element types that the test models use. */
export type ElementType = "float32" | "float16" | "uint8" | "int64" | "string";

const ELEMENT_TYPES: Readonly<Record<ElementType, DataType>> = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  uint8: DataType.UINT8,
  int64: DataType.INT64,
  string: DataType.STRING,
};

/** The operator set that the models are written in. */
export const OPSET = 17;

/** An input or output; a dimension is its size, or its name where it is dynamic. */
export interface ValueSpec {
  readonly name: string;
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}

/** Attribute values: integers, lists of integers and strings, and floats as `{ float }`. */
export type AttributeValue = number | readonly number[] | string | { readonly float: number };

/** A graph and what surrounds it. */
export interface GraphSpec {
  readonly name: string;
  readonly inputs: readonly ValueSpec[];
  readonly outputs: readonly ValueSpec[];
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  /** @default OPSET */
  readonly opset?: number;
}

/** One operator. `inputs` and `outputs` are names of values. */
export function node(
  opType: string,
  [inputs, outputs]: readonly [inputs: readonly string[], outputs: readonly string[]],
  attributes: Readonly<Record<string, AttributeValue>> = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    name: `${opType} ${outputs.join(" ")}`,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  });
}

/** A constant of type `float32` or `float16`, from plain numbers. */
export function floatTensor(
  name: string,
  dims: readonly number[],
  { values, type = "float32" }: { values: readonly number[]; type?: "float32" | "float16" },
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: ELEMENT_TYPES[type],
    rawData: floatBytes(values, type),
  });
}

/** A constant list of 64-bit integers. */
export function integerTensor(name: string, values: readonly number[]): TensorProto {
  const rawData = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
  return create(TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: DataType.INT64,
    rawData,
  });
}

/** Moves the numbers of a constant out of the model: gives the constant that points at the file. */
export function externalTensor(
  tensor: TensorProto,
  place: { readonly location: string; readonly offset: number },
): TensorProto {
  const entries = { ...place, length: tensor.rawData.length };
  return create(TensorProtoSchema, {
    name: tensor.name,
    dims: tensor.dims,
    dataType: tensor.dataType,
    dataLocation: DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value: String(value) })
    ),
  });
}

/** The bytes of the model file. */
export function modelBytes(graph: GraphSpec): Uint8Array<ArrayBuffer> {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName: "runnel",
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: "", version: BigInt(graph.opset ?? OPSET) }),
    ],
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: [...graph.nodes],
      initializer: [...graph.initializers],
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
    }),
  });
  return new Uint8Array(toBinary(ModelProtoSchema, model));
}

function floatBytes(
  values: readonly number[],
  type: "float32" | "float16",
): Uint8Array<ArrayBuffer> {
  const numbers = type === "float32" ? new Float32Array(values) : new Float16Array(values);
  return new Uint8Array(numbers.buffer);
}

function attribute(name: string, value: AttributeValue): AttributeProto {
  if (typeof value === "string") {
    const s = new TextEncoder().encode(value);
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s });
  }
  if (typeof value === "number") {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  }
  if ("float" in value) {
    return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  }
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}

function valueInfo({ name, type, dims }: ValueSpec): ValueInfoProto {
  const dim = dims.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === "number"
        ? { case: "dimValue", value: BigInt(size) }
        : { case: "dimParam", value: size },
    })
  );
  const value = create(TypeProto_TensorSchema, {
    elemType: ELEMENT_TYPES[type],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: "tensorType", value } }),
  });
}
