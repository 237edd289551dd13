/**
 * Registration with Livepeer orchestrators: a worker makes itself known, keeps itself known, and takes
 * itself back. What runs on it is not known here.
 *
 * @module
 */

export { type HostLookup, UrlPolicy, type UrlPolicyOptions, type UrlRules } from "../base/mod.ts";
export { type ByocOptions, ByocRegistration } from "./byoc_registration.ts";
export { type CapabilityOptions, registerCapability, unregisterCapability } from "./capability.ts";
export {
  type RegistrationEnvironment,
  registrationFromEnvironment,
  type RegistrationKind,
} from "./environment.ts";
export {
  type LiveRunnerOptions,
  LiveRunnerRegistration,
  type RunnerPrice,
} from "./live_runner_registration.ts";
export {
  type LiveRunnerHeaders,
  LiveRunnerSession,
  readLiveRunnerHeaders,
  type SessionChannel,
} from "./live_runner_session.ts";
export type { RegisteredWorker, Registration, RegistrationStatus } from "./registration.ts";
export type { RunnerChannelEvent } from "./runner_channel.ts";
