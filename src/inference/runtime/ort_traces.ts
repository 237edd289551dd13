/**
 * What onnxruntime leaves behind where it starts, in Deno as in Node: it puts Node's `Worker` in the place
 * of the global one, and asks whether memory can be shared between threads by sending some through a
 * `MessageChannel` that it never closes.
 *
 * @module
 */

/** Does `work`, which starts onnxruntime, and leaves neither behind. */
export async function withoutTraces<T>(work: () => Promise<T>): Promise<T> {
  const { Worker, MessageChannel } = globalThis;
  const ProbeChannel = closingAfterProbe(MessageChannel);
  globalThis.MessageChannel = ProbeChannel;
  try {
    return await work();
  } finally {
    globalThis.Worker = Worker;
    if (globalThis.MessageChannel === ProbeChannel) globalThis.MessageChannel = MessageChannel;
  }
}

/** A class of channels that close once one byte of shared memory went through them: the question. */
function closingAfterProbe(Original: typeof MessageChannel): typeof MessageChannel {
  return class extends Original {
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
  };
}
