import { expect, test } from "vitest";
import { dayText, minuteOfDay, startOfDay, week } from "./week";

const at = (text: string) => Date.parse(text);

test("midnights are those of the zone", () => {
  expect(minuteOfDay(at("2026-11-22T14:35:00Z"), "Europe/Paris")).toBe(15 * 60 + 35);
  expect(startOfDay(at("2026-11-22T14:35:07Z"), "Europe/Paris")).toBe(at("2026-11-21T23:00:00Z"));
  expect(startOfDay(at("2026-11-22T14:35:07Z"), "UTC")).toBe(at("2026-11-22T00:00:00Z"));
  expect(startOfDay(at("2026-11-22T02:00:00Z"), "America/New_York")).toBe(at("2026-11-21T05:00:00Z"));
});

test("midnights are right on the days when clocks change", () => {
  // Paris: 2026-03-29 has 23 hours, 2026-10-25 has 25.
  expect(startOfDay(at("2026-03-29T10:00:00Z"), "Europe/Paris")).toBe(at("2026-03-28T23:00:00Z"));
  expect(startOfDay(at("2026-10-25T10:00:00Z"), "Europe/Paris")).toBe(at("2026-10-24T22:00:00Z"));
});

test("windows are cut at midnight and laid on their days", () => {
  const windows = [
    { from: at("2026-11-22T22:30:00Z"), until: at("2026-11-23T01:00:00Z") },
    { from: at("2026-11-25T08:00:00Z"), until: at("2026-11-25T16:00:00Z") },
  ];
  const days = week(windows, at("2026-11-22T00:00:00Z"), "UTC");
  expect(days.map((day) => dayText(day))).toEqual([
    "22:30 to 24:00",
    "00:00 to 01:00",
    "closed",
    "08:00 to 16:00",
    "closed",
    "closed",
    "closed",
  ]);
});

test("a week across a change of clocks has seven days", () => {
  const days = week([{ from: at("2026-10-20T00:00:00Z"), until: at("2026-11-20T00:00:00Z") }], at("2026-10-23T22:00:00Z"), "Europe/Paris");
  expect(days).toHaveLength(7);
  for (const day of days) expect(dayText(day)).toBe("00:00 to 24:00");
});

test("many windows are summed up", () => {
  const windows = Array.from({ length: 24 }, (_, hour) => ({
    from: at("2026-11-22T00:00:00Z") + hour * 3_600_000,
    until: at("2026-11-22T00:10:00Z") + hour * 3_600_000,
  }));
  const [sunday] = week(windows, at("2026-11-22T00:00:00Z"), "UTC");
  expect(sunday && dayText(sunday)).toBe("24 windows, 240 minutes in all");
});
