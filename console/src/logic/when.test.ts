import { expect, test } from "vitest";
import { parseWhen, writesDayFirst } from "./when";

/** A Sunday. */
const NOW = new Date(2026, 10, 29, 15, 0).getTime();

function at(text: string, dayFirst = true, now = NOW): number | string {
  const when = parseWhen(text, now, dayFirst);
  return "at" in when ? when.at : "fault" in when ? when.fault : "live";
}

const local = (year: number, month: number, day: number, hour = 0, minute = 0, second = 0, millis = 0) =>
  new Date(year, month - 1, day, hour, minute, second, millis).getTime();

test.each([
  ["14:30", local(2026, 11, 29, 14, 30)],
  ["15:30", local(2026, 11, 28, 15, 30)],
  ["2:30 pm", local(2026, 11, 29, 14, 30)],
  ["2PM", local(2026, 11, 29, 14)],
  ["12 am", local(2026, 11, 29)],
  ["14h30", local(2026, 11, 29, 14, 30)],
  ["9h", local(2026, 11, 29, 9)],
  ["noon", local(2026, 11, 29, 12)],
  ["today 8:05:09", local(2026, 11, 29, 8, 5, 9)],
  ["yesterday", local(2026, 11, 28)],
  ["Yesterday, 14:30", local(2026, 11, 28, 14, 30)],
  ["14:30 yesterday", local(2026, 11, 28, 14, 30)],
  ["yesterday at 2.30pm", undefined],
  ["friday 7:15", local(2026, 11, 27, 7, 15)],
  ["last Sun 14:00", local(2026, 11, 29, 14)],
  ["Sunday 16:00", local(2026, 11, 22, 16)],
  ["2026-11-28 14:30", local(2026, 11, 28, 14, 30)],
  ["2026-11-28T14:30:05.25", local(2026, 11, 28, 14, 30, 5, 250)],
  ["2026-11-28T14:30:05Z", Date.UTC(2026, 10, 28, 14, 30, 5)],
  ["2026-11-28 14:30 UTC", Date.UTC(2026, 10, 28, 14, 30)],
  ["2026-11-28 14:30+05:30", Date.UTC(2026, 10, 28, 9)],
  ["2026/11/28", local(2026, 11, 28)],
  ["28.11.2026 14:30", local(2026, 11, 28, 14, 30)],
  ["28.11. 14:30", local(2026, 11, 28, 14, 30)],
  ["1.12.", local(2025, 12, 1)],
  ["1.12.25 10:00", local(2025, 12, 1, 10)],
  ["28 Nov 14:30", local(2026, 11, 28, 14, 30)],
  ["Nov 28th, 2026 2:30 pm", local(2026, 11, 28, 14, 30)],
  ["24 December", local(2025, 12, 24)],
  ["29 feb", local(2024, 2, 29)],
  ["10 min ago", NOW - 600_000],
  ["-1h 30min", NOW - 5_400_000],
  ["2 days ago", NOW - 172_800_000],
])("%s", (text, expected) => {
  if (expected === undefined) expect(at(text)).toMatch(/^Type a time/);
  else expect(at(text)).toBe(expected);
});

test("the present is live", () => {
  expect(parseWhen(" Now ", NOW, true)).toEqual({ live: true });
  expect(parseWhen("live", NOW, true)).toEqual({ live: true });
});

test("a slash has the order of the viewer's language, where both could be meant", () => {
  expect(at("2/3/2026 10:00", true)).toBe(local(2026, 3, 2, 10));
  expect(at("2/3/2026 10:00", false)).toBe(local(2026, 2, 3, 10));
  expect(at("28/11 10:00", false)).toBe(local(2026, 11, 28, 10));
  expect(at("11/28 10:00", true)).toBe(local(2026, 11, 28, 10));
  expect(writesDayFirst("en-US")).toBe(false);
  expect(writesDayFirst("en-GB")).toBe(true);
});

test.each([
  ["2026-02-30", "There is no such day."],
  ["31.11. 10:00", "There is no such day."],
  ["25:00", "A day has hours 0 to 23, minutes and seconds 0 to 59."],
  ["13 pm", "There is no 13 pm."],
  ["2026-11-30 14:30", "2026-11-30 14:30 is still to come."],
  ["today 16:00", "today 16:00 is still to come."],
])("%s is refused: %s", (text, words) => expect(at(text)).toBe(words));

test.each(["", "   ", "when it rained", "14:30 15:30", "10 lightyears ago", "ago", "-", "99", "::"])("%s names no time", (text) =>
  expect(at(text)).toMatch(/^Type a time/),
);

test("whatever is typed ends with an answer", () => {
  const pieces = ["14:30", "yesterday", "ago", "-", "nov", "28", ".", "/", "z", "pm", "9".repeat(40), "2026-11-28", " "];
  for (const a of pieces) for (const b of pieces) for (const c of pieces) {
    const when = parseWhen(`${a}${b} ${c}`, NOW, true);
    if ("at" in when) expect(when.at <= NOW && Number.isFinite(when.at)).toBe(true);
  }
});
