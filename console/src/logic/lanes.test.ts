import { expect, test } from "vitest";
import type { MediaGapReason, MediaLoss } from "../api/operations";
import { bars, entries, type MediaMap, nextMedia } from "./lanes";

const hub = { HubDeviceArn: "arn" };
const view = { from: 0, until: 1_000_000 };
const held = (StartTimestamp: number, EndTimestamp: number) => ({ StartTimestamp, EndTimestamp, FragmentCount: 1, SizeBytes: 1 });
const gap = (StartTimestamp: number, EndTimestamp: number | undefined, Reason: MediaGapReason) => ({ StartTimestamp, EndTimestamp, Reason, ...hub });

function drawn(map: Partial<MediaMap>) {
  const found = bars({ ranges: [], gaps: [], losses: [], ...map } as MediaMap, view, 1000, 900_000);
  return found.map(({ from, until, look }) => `${look} ${from / 1000}-${until / 1000}`);
}

test("media on the server is drawn over what the hub says of the same time", () => {
  expect(
    drawn({
      ranges: [held(100, 200), held(200.5, 300)],
      gaps: [gap(0, 100, "SCHEDULE_CLOSED"), gap(250, 400, "NOT_UPLOADED"), gap(100, 200, "DELETED_AFTER_UPLOAD")],
    }),
  ).toEqual(["server 100-300", "hub 300-400", "planned 0-100"]);
});

test("a gap that lasts reaches to now", () => {
  expect(drawn({ gaps: [gap(500, undefined, "SOURCE_OFFLINE")] })).toEqual(["trouble 500-900"]);
});

test("losses are never hidden", () => {
  const loss: MediaLoss = { ...held(10, 20), Reason: "DELETED_BY_SIZE", ...hub };
  expect(drawn({ ranges: [held(0, 100)], losses: [loss] })).toEqual(["server 0-100", "loss 10-20"]);
});

test("reasons are told apart and listed newest first", () => {
  const map = { ranges: [], gaps: [gap(1, 50, "HUB_OFF"), gap(50, 60, "SOURCE_OFFLINE")], losses: [] };
  expect(entries(bars(map, view, 1000, 0)).map(({ text, length }) => `${text} ${length}`)).toEqual([
    "The camera gave no video 10 s",
    "The hub was off 49 s",
  ]);
});

test("playing goes on where media goes on", () => {
  const ranges = [held(0, 10), held(50, 60)];
  expect(nextMedia(ranges, 5000)).toBe(5000);
  expect(nextMedia(ranges, 9999)).toBe(50_000);
  expect(nextMedia(ranges, 60_000)).toBeUndefined();
});
