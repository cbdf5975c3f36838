/** Why there is no media, in words and by kind. */

import type { MediaGap, MediaGapReason } from "../api/operations";

export type GapKind = "planned" | "hub-only" | "trouble" | "elsewhere";

export interface GapReason {
  text: string;
  kind: GapKind;
}

const REASONS: Record<MediaGapReason, GapReason> = {
  SCHEDULE_CLOSED: { text: "The schedule was closed", kind: "planned" },
  SOURCE_ENDED: { text: "The file had ended", kind: "planned" },
  SOURCE_OFFLINE: { text: "The camera gave no video", kind: "trouble" },
  DISK_DENIED: { text: "The size limit or the disk's reserve allowed no more", kind: "trouble" },
  DISK_ERROR: { text: "The hub's disk failed", kind: "trouble" },
  HUB_OFF: { text: "The hub was off", kind: "trouble" },
  CLOCK_SET: { text: "The hub's clock was set over this time", kind: "trouble" },
  DELETED_BY_AGE: { text: "Deleted on the hub by its age", kind: "trouble" },
  DELETED_BY_SIZE: { text: "Deleted on the hub to keep the size limit", kind: "trouble" },
  DELETED_BY_DISK_RESERVE: { text: "Deleted on the hub to keep its disk from filling", kind: "trouble" },
  DELETED_AFTER_UPLOAD: { text: "Uploaded, then deleted on the hub", kind: "elsewhere" },
  ERASED: { text: "Erased on the hub, never uploaded", kind: "trouble" },
  NOT_UPLOADED: { text: "Still on the hub only", kind: "hub-only" },
};

export function gapReason(reason: MediaGapReason): GapReason {
  return REASONS[reason];
}

/** Two that begin within this are one to whoever steps from one to the next, ms. */
const APART_MS = 1000;

/** When the nearest of the gaps begins that nobody planned, behind or before a moment, in ms. */
export function gapBeside(gaps: MediaGap[], at: number, side: "before" | "behind"): number | undefined {
  const begin = gaps.filter(({ Reason }) => REASONS[Reason].kind === "trouble").map(({ StartTimestamp }) => StartTimestamp * 1000);
  if (side === "behind") return begin.filter((start) => start > at + APART_MS).sort((a, b) => a - b)[0];
  return begin.filter((start) => start < at - APART_MS).sort((a, b) => b - a)[0];
}
