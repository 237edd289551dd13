/** Certificates for servers of tests, made by openssl. */

import assert from "node:assert/strict";

/** In PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  assert.equal(success, true, new TextDecoder().decode(stderr));
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** A self-signed certificate that is flagged as an authority, as orchestrators have it. */
export async function selfSigned(folder: string): Promise<Certificate> {
  const [key, cert] = [`${folder}/ca.key`, `${folder}/ca.pem`];
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const subject = ["-subj", "/CN=runnel test", "-addext", names, "-days", "2"];
  await openssl("req", "-x509", ...NEW_KEY, "-keyout", key, "-out", cert, ...subject);
  return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}

/** A certificate that the self-signed one vouches for. */
export async function signedBySelfSigned(folder: string): Promise<Certificate> {
  const [key, request, cert] = [`${folder}/leaf.key`, `${folder}/leaf.csr`, `${folder}/leaf.pem`];
  const extensions = `${folder}/leaf.ext`;
  await Deno.writeTextFile(
    extensions,
    "basicConstraints=CA:FALSE\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n",
  );
  await openssl("req", ...NEW_KEY, "-keyout", key, "-out", request, "-subj", "/CN=runnel leaf");
  const authority = ["-CA", `${folder}/ca.pem`, "-CAkey", `${folder}/ca.key`, "-CAcreateserial"];
  const files = ["-in", request, "-out", cert, "-extfile", extensions, "-days", "2"];
  await openssl("x509", "-req", ...authority, ...files);
  return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
}

/** A self-signed certificate whose files are gone already. */
export async function selfSignedCertificate(): Promise<Certificate> {
  const folder = await Deno.makeTempDir();
  try {
    return await selfSigned(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
