/**
 * The two sides of a conversation between threads or processes: each calls what the other offers. The
 * calls are birpc's; what is added is that errors keep their class.
 *
 * @module
 */

import { type BirpcReturn, createBirpc } from "birpc";
import { fromPlainError, type PlainError, toPlainError } from "./plain.ts";

/** How a conversation goes on. */
export interface ConversationOptions {
  /** Sends a message; throws for what cannot be copied. */
  readonly post: (message: unknown) => void;
  /** Takes what a function of this side threw; the caller is told, too. @default nobody hears of it */
  readonly onError?: (error: unknown) => void;
}

/** One side of a conversation. */
export interface Conversation<Remote extends object> {
  /** The functions of the other side. Each rejects with what it threw there, or with what was closed with. */
  readonly remote: BirpcReturn<Remote, object>;
  /** Takes a message of the other side. Rejects for what is none, and what cannot be answered. */
  take(message: unknown): Promise<void>;
  /** Ends the conversation: what was not answered is rejected with an error. */
  close(error: Error): void;
}

/** Takes part in a conversation with these functions. */
export function converse<Remote extends object, Local extends object>(
  local: Local,
  { post, onError }: ConversationOptions,
): Conversation<Remote> {
  let receive: (message: unknown) => unknown = () => {};
  const remote = createBirpc<Remote, Local>(local, {
    post,
    on: (listener) => {
      receive = listener;
    },
    serialize: withPlainError,
    deserialize: withError,
    // What comes with an object, such as its constructor, is none of its functions.
    resolver: (name, found) => name in Object.prototype ? undefined : found,
    bind: "functions",
    timeout: -1, // what is silent for too long is ended by its owner
    onFunctionError: (error) => onError?.(error),
  });
  return {
    remote,
    take: async (message) => {
      await receive(message);
    },
    close: (error) => {
      remote.$rejectPendingCalls(({ reject }) => reject(error));
      remote.$close();
    },
  };
}

function withPlainError(message: { readonly e?: unknown }): unknown {
  return message.e === undefined ? message : { ...message, e: toPlainError(message.e) };
}

function withError(message: { readonly e?: PlainError }): unknown {
  return message.e === undefined ? message : { ...message, e: fromPlainError(message.e) };
}
