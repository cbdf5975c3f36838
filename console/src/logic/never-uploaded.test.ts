import { expect, test } from "vitest";
import { lossText, NO_HUB, notUploadedMs } from "./never-uploaded";

const now = 1_000_000_000_000;
const barn = {
  hub: "arn:aws:iot:us-east-1:000000000000:thing/barn",
  inContact: true,
  seen: now - 10_000,
  notUploadedBytes: 0,
  notUploadedMs: 0,
};

test("only what the hub alone has counts, and what lasts counts up to now", () => {
  const gaps = [
    { Reason: "NOT_UPLOADED", StartTimestamp: 100, EndTimestamp: 160 },
    { Reason: "HUB_OFF", StartTimestamp: 160, EndTimestamp: 900 },
    { Reason: "NOT_UPLOADED", StartTimestamp: now / 1000 - 30 },
    { Reason: "NOT_UPLOADED", StartTimestamp: now / 1000 + 30 },
  ];
  expect(notUploadedMs(gaps, now)).toBe(90_000);
});

test.each([
  [NO_HUB, "No hub records this stream."],
  [barn, "The hub barn has uploaded all that it holds of it."],
  [
    { ...barn, notUploadedBytes: 1_200_000_000, notUploadedMs: 18_600_000 },
    "The hub barn holds 5 h 10 min of video (1.20 GB) that was never uploaded. It exists nowhere else and is lost.",
  ],
  [
    { ...barn, notUploadedBytes: 5_000_000, inContact: false, seen: now - 7_200_000 },
    "The hub barn holds 5.00 MB of video that was never uploaded. It exists nowhere else and is lost. It last called 2 h ago, and erases its video when it is back.",
  ],
  [{ ...barn, inContact: false, seen: undefined }, "The hub barn has never called."],
])("what is lost is said: %o", (state, text) => {
  expect(lossText(state, now)).toBe(text);
});
