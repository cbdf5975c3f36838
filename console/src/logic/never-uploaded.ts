/** What is lost when a stream or its edge configuration is deleted: video that only the hub has. */
import { hubName } from "./hub";
import { durationText, relativeText, sizeText } from "./units";

export interface OnTheHub {
  /** Its ARN; none when no hub records the stream. */
  hub: string | undefined;
  inContact: boolean;
  /** When it last called, in ms. */
  seen: number | undefined;
  notUploadedBytes: number;
  /** How much time of video that is. */
  notUploadedMs: number;
}

export const NO_HUB: OnTheHub = {
  hub: undefined,
  inContact: false,
  seen: undefined,
  notUploadedBytes: 0,
  notUploadedMs: 0,
};

/** Adds up the gaps that the hub alone can fill; times in seconds, as the API gives them. */
export function notUploadedMs(
  gaps: readonly { Reason: string; StartTimestamp: number; EndTimestamp?: number }[],
  now: number,
): number {
  return gaps
    .filter(({ Reason }) => Reason === "NOT_UPLOADED")
    .map(({ StartTimestamp, EndTimestamp }) => Math.max(0, (EndTimestamp ?? now / 1000) - StartTimestamp) * 1000)
    .reduce((sum, ms) => sum + ms, 0);
}

/** What one has to know before one confirms. */
export function lossText({ hub, inContact, seen, notUploadedBytes, notUploadedMs }: OnTheHub, now: number): string {
  if (hub === undefined) return "No hub records this stream.";
  const name = hubName(hub);
  const when =
    seen === undefined
      ? ` The hub ${name} has never called.`
      : inContact
        ? ""
        : ` It last called ${relativeText(seen, now)}, and erases its video when it is back.`;
  if (notUploadedBytes === 0) {
    return seen === undefined ? when.trim() : `The hub ${name} has uploaded all that it holds of it.${when}`;
  }
  const time = notUploadedMs >= 1000 ? `${durationText(notUploadedMs)} of video (${sizeText(notUploadedBytes)})` : `${sizeText(notUploadedBytes)} of video`;
  return `The hub ${name} holds ${time} that was never uploaded. It exists nowhere else and is lost.${when}`;
}
