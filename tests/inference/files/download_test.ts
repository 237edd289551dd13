import assert from "node:assert/strict";
import { ModelError } from "../../../src/base/errors.ts";
import { UrlPolicy } from "../../../src/base/mod.ts";
import { downloadFile } from "../../../src/inference/files/download.ts";
import { type Answer, CONTENT, fileServer, SHA256 } from "./file_server.ts";
import { until } from "../../waiting.ts";

const QUICK = { retryDelaysMs: [1, 1, 1] };

async function inTempFile(
  answers: readonly Answer[],
  test: (url: URL, path: string, requests: () => number) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await using server = fileServer(answers);
    await test(server.url, path, () => server.requests);
  } finally {
    await Deno.remove(path);
  }
}

function failsWith(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ModelError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

Deno.test("downloadFile() writes the file, says its SHA-256 and how far it is", async () => {
  await inTempFile(["whole"], async (url, path) => {
    const progress: (readonly [number, number | undefined, string])[] = [];
    const sha256 = await downloadFile(url, path, {
      onProgress: ({ loadedBytes, totalBytes, file }) =>
        progress.push([loadedBytes, totalBytes, file]),
    });
    assert.equal(sha256, SHA256);
    assert.deepEqual(await Deno.readFile(path), CONTENT);
    assert.deepEqual(progress[0], [0, CONTENT.length, "model.onnx"]);
    assert.deepEqual(progress.at(-1), [CONTENT.length, CONTENT.length, "model.onnx"]);
    const loaded = progress.map(([bytes]) => bytes);
    assert.deepEqual(loaded, loaded.toSorted((a, b) => a - b));
  });
});

Deno.test("downloadFile() takes a file whose size the server does not say", async () => {
  await inTempFile(["chunked"], async (url, path) => {
    const totals = new Set<number | undefined>();
    const onProgress = (at: { totalBytes: number | undefined }) => totals.add(at.totalBytes);
    assert.equal(await downloadFile(url, path, { onProgress }), SHA256);
    assert.deepEqual([...totals], [undefined]);
  });
});

Deno.test("downloadFile() tries again after 503, 429 and a cut connection", async () => {
  const answers: Answer[] = [503, 429, "cut", "whole"];
  await inTempFile(answers, async (url, path, requests) => {
    assert.equal(await downloadFile(url, path, QUICK), SHA256);
    assert.deepEqual(await Deno.readFile(path), CONTENT);
    assert.equal(requests(), 4);
  });
});

Deno.test("downloadFile() gives up after four attempts", async () => {
  await inTempFile([500], async (url, path, requests) => {
    const message = /Cannot download http.*model\.onnx: the server answered 500.*check the network/;
    await assert.rejects(downloadFile(url, path, QUICK), failsWith("MODEL_DOWNLOAD", message));
    assert.equal(requests(), 4);
  });
  await inTempFile(["cut"], async (url, path) => {
    await assert.rejects(downloadFile(url, path, QUICK), failsWith("MODEL_DOWNLOAD", /Cannot/));
  });
});

Deno.test("downloadFile() does not repeat what another attempt will not change", async () => {
  await inTempFile([404], async (url, path, requests) => {
    const message = /the server answered 404 Not Found; check the URL/;
    await assert.rejects(downloadFile(url, path, QUICK), failsWith("MODEL_NOT_FOUND", message));
    assert.equal(requests(), 1);
  });
  await inTempFile([403], async (url, path, requests) => {
    await assert.rejects(downloadFile(url, path, QUICK), failsWith("MODEL_DOWNLOAD", /403/));
    assert.equal(requests(), 1);
  });
});

Deno.test("downloadFile() gives up a server that goes silent", async () => {
  await inTempFile(["silent"], async (url, path) => {
    const options = { retryDelaysMs: [], stallMs: 50 };
    const failing = downloadFile(url, path, options);
    await assert.rejects(failing, failsWith("MODEL_DOWNLOAD", /nothing arrived for 0.05 seconds/));
  });
});

Deno.test("downloadFile() says that nothing listens, without the URL's secrets", async () => {
  const url = new URL("http://127.0.0.1:1/model.onnx?token=secret");
  const path = await Deno.makeTempFile();
  await assert.rejects(downloadFile(url, path, QUICK), (error) => {
    assert.ok(
      failsWith("MODEL_DOWNLOAD", /Cannot download http:\/\/127\.0\.0\.1:1\/model\.onnx:/)(error),
    );
    assert.doesNotMatch((error as Error).message, /secret/);
    return true;
  });
  await Deno.remove(path);
});

Deno.test("downloadFile() ends with its signal's reason, between attempts too", async () => {
  await inTempFile(["silent"], async (url, path, requests) => {
    const controller = new AbortController();
    const downloading = downloadFile(url, path, { signal: controller.signal });
    await until(() => requests() > 0, "the request");
    controller.abort(new Error("enough"));
    await assert.rejects(downloading, /enough/);
  });
  await inTempFile([503], async (url, path, requests) => {
    const controller = new AbortController();
    const options = { signal: controller.signal, retryDelaysMs: [60_000] };
    const downloading = downloadFile(url, path, options);
    await until(() => requests() > 0, "the request");
    controller.abort(new Error("enough"));
    await assert.rejects(downloading, /enough/);
  });
});

Deno.test("downloadFile() follows redirects, but not without end, to files, or to metadata addresses", async () => {
  const path = await Deno.makeTempFile();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request) => {
      const url = new URL(request.url);
      if (url.pathname === "/model") return new Response(CONTENT);
      const left = Number(url.searchParams.get("left"));
      const to = left > 0 ? `/hop?left=${left - 1}&to=${url.searchParams.get("to")}` : undefined;
      return new Response("moved", {
        status: 302,
        headers: { location: to ?? url.searchParams.get("to")! },
      });
    },
  );
  const download = (left: number, to: string) =>
    downloadFile(
      new URL(`http://127.0.0.1:${server.addr.port}/hop?left=${left}&to=${to}`),
      path,
      { retryDelaysMs: [] },
    );
  try {
    assert.equal(await download(4, "/model"), SHA256);
    await assert.rejects(download(5, "/model"), failsWith("MODEL_DOWNLOAD", /more than 5 times/));
    for (
      const to of ["file:///etc/passwd", "http://169.254.169.254/", "data:,x", "http://[fe80::1]/"]
    ) {
      await assert.rejects(
        download(0, to),
        failsWith("MODEL_DOWNLOAD", /an address that models are not taken from/),
      );
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("downloadFile() asks only hosts that are allowed, and none at another address than it checked", async () => {
  await inTempFile(["whole"], async (url, path, requests) => {
    const download = (from: string, urls?: UrlPolicy) =>
      downloadFile(new URL(from), path, { retryDelaysMs: [], urls });
    const refused = /its host is not one that models are taken from; see allowUrls/;
    for (const from of ["http://169.254.169.254/m", "http://[fd00:ec2::254]/m"]) {
      await assert.rejects(download(from), failsWith("MODEL_DOWNLOAD", refused));
    }
    const elsewhere = new UrlPolicy({ allow: ["*.example.com", "10.0.0.0/8"] });
    await assert.rejects(download(url.href, elsewhere), failsWith("MODEL_DOWNLOAD", refused));
    assert.equal(requests(), 0);
    let lookups = 0;
    const urls = new UrlPolicy({
      allow: ["127.0.0.1"],
      lookup: () => Promise.resolve([lookups++ === 0 ? "127.0.0.1" : "127.0.0.2"]),
    });
    // The system does not know this name: only the address that was checked can be asked.
    const named = `http://model.invalid:${url.port}/model.onnx`;
    assert.equal(await download(named, urls), SHA256);
    await assert.rejects(download(named, urls), failsWith("MODEL_DOWNLOAD", refused));
    assert.equal(requests(), 1);
  });
});
