/**
 * The thread of a stream.
 *
 * @module
 */

// Before anything else is imported: onnxruntime-web looks at the location, which in a thread is none.
import "./thread_location.ts";
import { parentPort } from "node:worker_threads";
import { StreamRunner } from "./stream_runner.ts";

const runner = new StreamRunner((message) => parentPort!.postMessage(message));
parentPort!.on("message", (message: unknown) => {
  // A rejection ends the thread, and the server hears of it as an error event.
  void runner.take(message);
});
