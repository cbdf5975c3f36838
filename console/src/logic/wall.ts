/** A wall of cameras: how many beside each other, which stream of a camera, and how all keep to one moment. */
import type { HeldMedia } from "../api/operations";

/** Pictures beside each other: 1, 4, 9, 16. */
export const TILES_MAX = 16;
/** The tag of a stream that names a smaller one of the same camera. */
export const SUB_STREAM_TAG = "SubStream";
/** Farther from the others a picture is not of the same moment. */
const APART_MS = 1500;

/** How many beside each other. */
export function columnsOf(count: number): number {
  return Math.ceil(Math.sqrt(Math.max(1, Math.min(count, TILES_MAX))));
}

/** What is shown of a camera: its smaller stream where its tag names one that is there. */
export function shownOf(name: string, tags: Record<string, string> | undefined, names: string[]): string {
  const sub = tags?.[SUB_STREAM_TAG];
  return sub !== undefined && names.includes(sub) ? sub : name;
}

/** Media of any of the streams. */
export function anyOf(streams: HeldMedia[][]): HeldMedia[] {
  const all = streams.flat().sort((a, b) => a.StartTimestamp - b.StartTimestamp);
  const found: HeldMedia[] = [];
  for (const range of all) {
    const last = found.at(-1);
    if (!last || range.StartTimestamp > last.EndTimestamp) {
      found.push({ ...range });
      continue;
    }
    last.EndTimestamp = Math.max(last.EndTimestamp, range.EndTimestamp);
    last.FragmentCount += range.FragmentCount;
    last.SizeBytes += range.SizeBytes;
  }
  return found;
}

/** What one of several players does to be where the others are: `wait` until they come, or `follow` to their moment. */
export function keepingUp(at: number, others: number): "go on" | "wait" | "follow" {
  if (Math.abs(at - others) <= APART_MS) return "go on";
  return at > others ? "wait" : "follow";
}

/** Pictures that were to be shown since the last look, and those of them that were not. */
export interface Shown {
  all: number;
  dropped: number;
}

/** Whether a browser shows less than half of what comes, so that a picture now and then is more honest. */
export function cannotKeepUp(before: Shown, now: Shown): boolean {
  const all = now.all - before.all;
  return all >= 50 && (now.dropped - before.dropped) / all > 0.5;
}
