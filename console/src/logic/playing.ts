/** What becomes of playing that failed. */

import { type Failure, isDenied, isSessionOver } from "../api/failure";

/** As it is asked for, it fails again. */
const STAYS = new Set(["Codec", "Playback", "ResourceNotFoundException"]);

/** Whether what failed is tried again by itself: what is live always, for there may be video any moment. */
export function isTriedAgain(failure: Failure, live: boolean): boolean {
  return live || !(STAYS.has(failure.name) || isDenied(failure) || isSessionOver(failure));
}
