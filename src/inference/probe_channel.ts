/**
 * onnxruntime asks whether memory can be shared between threads by sending some through a
 * `MessageChannel` that it never closes: a leak, which Deno's tests rightly report.
 *
 * @module
 */

/** Does `work` while channels that such a question goes through are closed after it. */
export async function closingProbeChannels<T>(work: () => Promise<T>): Promise<T> {
  const Original = globalThis.MessageChannel;
  class ProbeChannel extends Original {
    constructor() {
      super();
      const { port1, port2 } = this;
      const send = port1.postMessage.bind(port1);
      port1.postMessage = (message: unknown) => {
        send(message);
        if (!(message instanceof SharedArrayBuffer && message.byteLength === 1)) return;
        port1.close();
        port2.close();
      };
    }
  }
  globalThis.MessageChannel = ProbeChannel;
  try {
    return await work();
  } finally {
    if (globalThis.MessageChannel === ProbeChannel) globalThis.MessageChannel = Original;
  }
}
