/**
 * The time of this room: every wait goes through a {@linkcode Clock}.
 *
 * @module
 */

export { type Clock, pauseOn as pause, systemClock } from "../base/clock.ts";
