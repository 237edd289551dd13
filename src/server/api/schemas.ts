/**
 * What the stream endpoints accept: one schema per request body, and nothing else validates them.
 *
 * @module
 */

import { z } from "zod";
import {
  notExpected,
  passedParams,
  refuse,
  streamParams,
  toValidated,
  type Validated,
} from "../../worker/mod.ts";

/** Longest `gateway_request_id`: it stands in log lines, messages and events. */
const MAX_ID_LENGTH = 256;

/** The URL of a trickle channel; absent, null and "" all mean that there is none. */
const channelUrl = () => {
  const expected = "an absolute http or https URL";
  return z.union([z.string(), z.null()], { error: notExpected(expected) })
    .transform((value, context): string | undefined => {
      if (value === null || value === "") return undefined;
      // The parser repairs what nobody may mean, such as "http:name" and spaces.
      const isAbsolute = /^https?:\/\/[^\s/]\S*$/i.test(value) && URL.canParse(value);
      return isAbsolute ? value : refuse(context, value, expected);
    });
};

/** Body of `POST /api/stream/start`. */
const startRequest = z.looseObject({
  gateway_request_id: z.string({
    error: (issue) =>
      issue.input === undefined ? "is required, as a string" : notExpected("a string")(issue),
  }).min(1, { error: "must not be empty" })
    .max(MAX_ID_LENGTH, { error: `must not be longer than ${MAX_ID_LENGTH} characters` })
    // deno-lint-ignore no-control-regex -- an id with a line break could forge log lines
    .regex(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/, {
      error: "must not have control characters",
    })
    .describe("Name of the stream, as the gateway chose it."),
  subscribe_url: channelUrl().optional().describe("Trickle channel to read the input from."),
  publish_url: channelUrl().optional().describe("Trickle channel to write the output to."),
  control_url: channelUrl().optional().describe("Trickle channel that brings parameter updates."),
  events_url: channelUrl().optional().describe("Trickle channel for events."),
  data_url: channelUrl().optional().describe(
    "Trickle channel for the text that the processor sends.",
  ),
  params: passedParams,
}, { error: notExpected("a JSON object") }).meta({ title: "StartRequest" });

/** A validated start request; `params` is `{}` where none were given. */
export type StartRequest = z.output<typeof startRequest>;

/** Body of a start request, as the document of the API shows it. */
export const startBody: z.ZodType = startRequest;

/** Body of a parameter update, as the document of the API shows it. */
export const paramsBody: z.ZodType = streamParams;

/** Checks the body of a start request. */
export function validateStart(body: unknown): Validated<StartRequest> {
  return toValidated(startRequest.safeParse(body), "body");
}
