import assert from "node:assert/strict";
import { modelFiles, writeModels } from "../../scripts/build_models.ts";
import { readOnnxFile } from "../../src/inference/onnx/onnx_file.ts";

Deno.test("writeModels() writes each model, the same each time", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const names = await writeModels(`${folder}/models`);
    const again = modelFiles();
    assert.deepEqual(names, Object.keys(again));
    for (const name of names) {
      const bytes = await Deno.readFile(`${folder}/models/${name}`);
      assert.deepEqual(bytes, new Uint8Array(again[name]!), name);
      if (name.endsWith(".onnx")) assert.equal(readOnnxFile(bytes).outputs.length, 1);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
