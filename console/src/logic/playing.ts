/** What becomes of playing that failed. */

import type { Failure } from "../api/failure";

/** Nobody answered, the video was cut off, the server was busy or failed itself: without the `Exception` of their names. */
const PASSING = new Set([
  "Unreachable",
  "Interrupted",
  "ClientLimitExceeded",
  "Throttling",
  "ServiceUnavailable",
  "InternalFailure",
  "InternalServiceError",
]);

/** Whether what failed is tried again by itself: what is live always, for there may be video any moment. */
export function isTriedAgain(failure: Failure, live: boolean): boolean {
  return live || PASSING.has(failure.name.replace(/Exception$/, ""));
}
