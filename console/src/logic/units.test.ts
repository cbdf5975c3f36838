import { expect, test } from "vitest";
import { durationText, relativeText, retentionText, sizeText } from "./units";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 KB"],
  [12_345, "12.3 KB"],
  [999_600, "1.00 MB"],
  [123_456_789, "123 MB"],
  [4.2e12, "4.20 TB"],
])("%d bytes are %s", (bytes, text) => expect(sizeText(bytes)).toBe(text));

test.each([
  [0, "0 s"],
  [40_400, "40 s"],
  [310_000, "5 min 10 s"],
  [3_600_000, "1 h"],
  [90_000_000, "1 day 1 h"],
  [86_400_000 * 3 + 59_000, "3 days"],
])("%d ms are %s", (milliseconds, text) => expect(durationText(milliseconds)).toBe(text));

test.each([
  [0, "Not kept"],
  [24, "1 day"],
  [168, "7 days"],
  [36, "1 day 12 h"],
  [1, "1 h"],
])("%d hours of retention are %s", (hours, text) => expect(retentionText(hours)).toBe(text));

test("times are said relative to now", () => {
  expect(relativeText(1000, 2500)).toBe("just now");
  expect(relativeText(0, 65_000)).toBe("1 min 5 s ago");
  expect(relativeText(3_600_000, 0)).toBe("in 1 h");
});
