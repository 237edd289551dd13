/**
 * The module that the process of a stream runs, where Runnel is not compiled into a program.
 *
 * @module
 */

import { serveStream } from "./stream_process.ts";

// Not awaited: a module that waits holds up whoever imports it, and a processor's module may import
// all of Runnel while this runs.
void serveStream();
