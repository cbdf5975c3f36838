/** What a time line draws: lanes of spans with their meaning. */
import type { HeldMedia, MediaGap, MediaLoss } from "../api/operations";
import { gapReason } from "./gaps";
import { durationText, sizeText } from "./units";
import { joined, type Span, without } from "./timeline";

export interface Bar extends Span {
  text: string;
  /** How it is drawn. */
  look: "server" | "hub" | "planned" | "trouble" | "loss";
}

export interface MediaMap {
  ranges: HeldMedia[];
  gaps: MediaGap[];
  losses: MediaLoss[];
}

const span = ({ StartTimestamp, EndTimestamp }: { StartTimestamp: number; EndTimestamp: number }) => ({
  from: StartTimestamp * 1000,
  until: EndTimestamp * 1000,
});

/** Bars in the view; what is shorter than `seam` is not told apart. */
export function bars(map: MediaMap, view: Span, seam: number, now: number): Bar[] {
  const held = map.ranges.map((range) => ({ ...span(range), text: "On the server", look: "server" as const }));
  const gaps = map.gaps
    .map((gap) => {
      const { text, kind } = gapReason(gap.Reason);
      return { ...span({ ...gap, EndTimestamp: gap.EndTimestamp ?? now / 1000 }), text, kind };
    })
    .filter(({ kind }) => kind !== "elsewhere");
  const hubOnly: Bar[] = gaps
    .filter(({ kind }) => kind === "hub-only")
    .map(({ from, until, text }) => ({ from, until, text, look: "hub" }));
  const reasons: Bar[] = gaps
    .filter(({ kind }) => kind !== "hub-only")
    .map(({ from, until, text, kind }) => ({ from, until, text, look: kind === "planned" ? "planned" : "trouble" }));
  const losses: Bar[] = map.losses.map((loss) => ({
    ...span(loss),
    text: `Lost, ${sizeText(loss.SizeBytes)}: ${gapReason(loss.Reason).text.toLowerCase()}`,
    look: "loss",
  }));
  const alike = (a: Bar, b: Bar) => a.text === b.text;
  const server = joined<Bar>(held, view, seam);
  return [
    ...server,
    // What the hub has not noted as uploaded yet may be here already.
    ...joined(without(hubOnly, server), view, seam, alike),
    ...joined(without(reasons, server), view, seam, alike),
    ...joined(losses, view, seam, alike),
  ];
}

export interface Entry extends Span {
  text: string;
  length: string;
}

/** The bars as lines of a table, newest first. */
export function entries(found: Bar[]): Entry[] {
  return [...found]
    .sort((a, b) => b.from - a.from)
    .map(({ from, until, text }) => ({ from, until, text, length: durationText(until - from) }));
}

/** Where the next recorded media begins behind a moment; nothing when there is none. */
export function nextMedia(ranges: HeldMedia[], after: number): number | undefined {
  for (const range of ranges) {
    const { from, until } = span(range);
    if (until > after + 1000) return Math.max(from, after);
  }
  return undefined;
}
