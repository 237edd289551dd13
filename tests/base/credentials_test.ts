import assert from "node:assert/strict";
import { withoutCredentials } from "../../src/base/mod.ts";

Deno.test("withoutCredentials() takes user names, passwords and secret fields out of URLs", () => {
  const cases: [string, string][] = [
    ["http://me:pw@h/a", "http://h/a"],
    ["https://h/m.onnx?token=s3cret", "https://h/m.onnx?token=***"],
    ["https://h/m?a=1&access_token=s3cret&b=2", "https://h/m?a=1&access_token=***&b=2"],
    [
      "https://h/m?X-Amz-Signature=ab12&X-Amz-Credential=x%2Fy",
      "https://h/m?X-Amz-Signature=***&X-Amz-Credential=***",
    ],
    ['Cannot load "https://h/m?sig=abc": 403', 'Cannot load "https://h/m?sig=***": 403'],
    ["https://h/m?apiKey=abc#part", "https://h/m?apiKey=***#part"],
    ["https://h/m?Token=abc and more", "https://h/m?Token=*** and more"],
    ["https://h/c?rights=read&sign=aB-c_d", "https://h/c?rights=read&sign=***"],
    ["https://h/c?sign=aB-c_d&design=blue", "https://h/c?sign=***&design=blue"],
    ["https://h/m?keyframes=2&size=3", "https://h/m?keyframes=2&size=3"],
    ["no URL: token=7", "no URL: token=7"],
  ];
  for (const [text, shown] of cases) assert.equal(withoutCredentials(text), shown);
  const hostile = "?".repeat(50_000) + "&a".repeat(50_000);
  assert.equal(withoutCredentials(hostile), hostile);
});
