/**
 * Standard error as a terminal: whole lines, and below them one status line that is redrawn in
 * place.
 *
 * @module
 */

import { type TextOutput, writeText } from "./stdout.ts";
import { visibleLines, visibleText } from "./visible_text.ts";

/** Where a {@linkcode Terminal} writes: `Deno.stderr` is one. */
export interface TerminalOutput extends TextOutput {
  isTerminal(): boolean;
}

/** Columns to assume where the terminal does not say. */
const DEFAULT_COLUMNS = 80;

const ERASE_LINE = "\r\x1b[2K";

/** Lines and a status line on one output. Nothing is redrawn where the output is not a terminal. */
export class Terminal {
  /** Whether somebody is watching: a status line is shown only then. */
  readonly interactive: boolean;
  readonly #output: TerminalOutput;
  #status = "";

  /** Wraps an output. */
  constructor(output: TerminalOutput) {
    this.#output = output;
    this.interactive = output.isTerminal();
  }

  /** Writes a line above the status line, or several; controls in it are made visible. */
  line(text: string): void {
    const shown = visibleLines(text);
    this.#write(`${this.#status === "" ? "" : ERASE_LINE}${shown}\n${this.#status}`);
  }

  /** Shows or replaces the status line, cut to the width of the terminal; "" takes it away. */
  status(text: string): void {
    if (!this.interactive) return;
    const fitting = visibleText(text).slice(0, columns() - 1);
    if (fitting === this.#status) return;
    this.#status = fitting;
    this.#write(ERASE_LINE + fitting);
  }

  /** Leaves the status line as it is now as a line of its own. */
  keepStatus(): void {
    if (this.#status === "") return;
    this.#status = "";
    this.#write("\n");
  }

  #write(text: string): void {
    writeText(text, this.#output);
  }
}

function columns(): number {
  try {
    return Deno.consoleSize().columns || DEFAULT_COLUMNS;
  } catch {
    return DEFAULT_COLUMNS; // neither standard stream is a terminal with a size
  }
}
