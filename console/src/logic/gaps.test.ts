import { expect, test } from "vitest";
import type { MediaGap } from "../api/operations";
import { gapBeside } from "./gaps";

const gaps: MediaGap[] = [
  { StartTimestamp: 100, EndTimestamp: 110, Reason: "SOURCE_OFFLINE" },
  { StartTimestamp: 200, EndTimestamp: 300, Reason: "SCHEDULE_CLOSED" },
  { StartTimestamp: 400, EndTimestamp: 401, Reason: "HUB_OFF" },
  { StartTimestamp: 500, Reason: "NOT_UPLOADED" },
] as MediaGap[];

test("the nearest gap on either side is found, and what was planned or waits on the hub is none", () => {
  expect(gapBeside(gaps, 150_000, "behind")).toBe(400_000);
  expect(gapBeside(gaps, 450_000, "before")).toBe(400_000);
  expect(gapBeside(gaps, 400_500, "before")).toBe(100_000);
  expect(gapBeside(gaps, 400_500, "behind")).toBeUndefined();
  expect(gapBeside(gaps, 50_000, "before")).toBeUndefined();
});
