/** What is on the screen, against the present: live is what was filmed seconds ago, whatever was asked for. */
import { durationText } from "./units";

/** Players stay some fragments behind, and fragments are seconds long. */
const LIVE_MS = 30_000;

export interface Standing {
  text: string;
  color: "red" | "blue" | "grey";
}

/** Nothing while nothing is shown. `live`: whether the newest video was asked for. */
export function standing(live: boolean, at: number | undefined, now: number): Standing | undefined {
  if (at === undefined) return undefined;
  if (!live) return { text: "Recorded", color: "blue" };
  const age = now - at;
  return age <= LIVE_MS ? { text: "Live", color: "red" } : { text: `Newest video, ${durationText(age)} old`, color: "grey" };
}
