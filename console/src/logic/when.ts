/** What people type for a moment, in their own zone. Without a day it is the last such time, without a year the last such day. */

export type When = { at: number } | { live: true } | { fault: string };

const SECOND = 1000;
const UNITS: Record<string, number> = {
  s: SECOND,
  m: 60 * SECOND,
  h: 3600 * SECOND,
  d: 86_400 * SECOND,
  w: 7 * 86_400 * SECOND,
};
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const EXAMPLES = "Type a time, such as 14:30, yesterday 14:30, 28 Nov 2:30 pm, 2026-11-28 14:30:05 or 10 min ago.";

interface Day {
  year: number;
  /** 1 to 12. */
  month: number;
  day: number;
  /** What lies a step before it, when this is still to come. */
  before?: "week" | "year" | "day";
}

interface TimeOfDay {
  hour: number;
  minute: number;
  millis: number;
}

/** `dayFirst`: whether 2/3 is in March here. */
export function parseWhen(typed: string, now: number, dayFirst: boolean): When {
  const text = typed.trim().toLowerCase().replace(/,/g, " ").replace(/\bat\b/g, " ").replace(/\s+/g, " ").trim();
  if (text === "") return { fault: EXAMPLES };
  if (text === "now" || text === "live") return { live: true };
  const ago = agoIn(text);
  if (ago !== undefined) return { at: now - ago };
  const utc = /(?<![a-z])(?:utc|gmt|z)$/.test(text);
  const rest = text.replace(/\s*(?:utc|gmt|z)$/, "").replace(/(\d)t(\d)/, "$1 $2");
  const offset = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d(?::\d\d(?:\.\d+)?)?)([+-]\d\d:?\d\d)$/.exec(rest);
  if (offset) return notLater(Date.parse(`${offset[1]}T${offset[2]}${offset[3]}`), now, text);
  const found = timeIn(rest);
  if (!found) return { fault: EXAMPLES };
  if (typeof found.time === "string") return { fault: found.time };
  const day = dayIn(found.rest, now, dayFirst, utc);
  if (day === undefined) return { fault: EXAMPLES };
  if (typeof day === "string") return { fault: day };
  let at = momentOf(day, found.time, utc);
  if (at > now && day.before) {
    const step = day.before === "week" ? 7 : day.before === "day" ? 1 : 0;
    const earlier = step > 0 ? { ...day, day: day.day - step } : { ...day, year: day.year - 1 };
    at = momentOf(earlier, found.time, utc);
  }
  return notLater(at, now, text);
}

/** `10 min ago`, `-1 h 30 min`; in milliseconds. */
function agoIn(text: string): number | undefined {
  if (!/^-|ago$/.test(text)) return undefined;
  const parts = text.replace(/^-\s*/, "").replace(/\s*ago$/, "");
  const part = /(\d+(?:\.\d+)?)\s*(s|m|h|d|w)(?:ec|econd|in|inute|r|our|ay|eek)?s?(?![a-z])\s*/g;
  if (parts.replace(part, "") !== "" || parts === "") return undefined;
  return [...parts.matchAll(part)].reduce((sum, [, count, unit]) => sum + Number(count) * (UNITS[unit ?? ""] ?? 0), 0);
}

/** The time of day at either end of the text, and what else there is; a text without one begins its day. */
function timeIn(text: string): { time: TimeOfDay | string; rest: string } | undefined {
  const pattern =
    /(?:^|\s)(?:(?<h>\d{1,2})[:h](?<m>\d{2})(?::(?<s>\d{2})(?:\.(?<f>\d{1,3}))?)?\s*(?<half>[ap]\.?m\.?)?|(?<h12>\d{1,2})\s*(?<half12>[ap]\.?m\.?)|(?<h24>\d{1,2})h|(?<word>noon|midnight))(?=\s|$)/;
  const found = pattern.exec(text);
  if (!found?.groups) return { time: { hour: 0, minute: 0, millis: 0 }, rest: text };
  const { h, m, s, f, half, h12, half12, h24, word } = found.groups;
  const rest = `${text.slice(0, found.index)} ${text.slice(found.index + found[0].length)}`.trim();
  if (/\d:\d/.test(rest)) return undefined;
  const before = half ?? half12;
  let hour = word === "noon" ? 12 : Number(h ?? h12 ?? h24 ?? 0);
  if (before) {
    if (hour < 1 || hour > 12) return { time: `There is no ${hour} ${before[0]}m.`, rest };
    hour = (hour % 12) + (before.startsWith("p") ? 12 : 0);
  }
  const minute = Number(m ?? 0);
  const second = Number(s ?? 0);
  if (hour > 23 || minute > 59 || second > 59) return { time: "A day has hours 0 to 23, minutes and seconds 0 to 59.", rest };
  return { time: { hour, minute, millis: second * SECOND + Number((f ?? "0").padEnd(3, "0")) }, rest };
}

/** The day that a text names; words where there is no such day, nothing where it names none. */
function dayIn(text: string, now: number, dayFirst: boolean, utc: boolean): Day | string | undefined {
  const today = dayOf(now, utc);
  const word = text.replace(/^(?:last|on) /, "");
  if (text === "") return { ...today, before: "day" };
  if (word === "today") return today;
  if (word === "yesterday") return { ...today, day: today.day - 1 };
  const weekday = WEEKDAYS.findIndex((name) => /^[a-z]+$/.test(word) && word.startsWith(name));
  if (weekday >= 0) {
    const back = (today.weekday - weekday + 7) % 7;
    return { ...today, day: today.day - back, before: "week" };
  }
  const iso = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/.exec(text);
  if (iso) return existing(Number(iso[1]), Number(iso[3]), Number(iso[4]));
  const dotted = /^(\d{1,2})\.\s?(\d{1,2})(?:\.\s?(\d{4}|\d{2})?)?$/.exec(text);
  if (dotted) return existing(dotted[3], Number(dotted[2]), Number(dotted[1]), today.year);
  const slashed = /^(\d{1,2})[/-](\d{1,2})(?:[/-](\d{4}|\d{2}))?$/.exec(text);
  if (slashed) {
    const [first, second] = [Number(slashed[1]), Number(slashed[2])];
    const isDayFirst = first > 12 || (second <= 12 && dayFirst);
    return existing(slashed[3], isDayFirst ? second : first, isDayFirst ? first : second, today.year);
  }
  const named =
    /^(?<d>\d{1,2})(?:st|nd|rd|th|\.)? (?<m>[a-z]+)\.?(?: (?<y>\d{4}))?$/.exec(text) ??
    /^(?<m>[a-z]+)\.? (?<d>\d{1,2})(?:st|nd|rd|th)?(?: (?<y>\d{4}))?$/.exec(text);
  const month = MONTHS.findIndex((name) => named?.groups?.m?.startsWith(name));
  if (named?.groups && month >= 0) return existing(named.groups.y, month + 1, Number(named.groups.d), today.year);
  return undefined;
}

/** The day, when there is one. Without its year it is the last one before now. */
function existing(year: number | string | undefined, month: number, day: number, thisYear = 0): Day | string {
  const whole = year === undefined ? thisYear : Number(year) + (String(year).length <= 2 ? 2000 : 0);
  const date = new Date(Date.UTC(whole, month - 1, day));
  // A 29 February without its year is that of a leap year.
  const isThere = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isThere && year === undefined && month === 2 && day === 29) return existing(leapYear(thisYear), month, day);
  if (!isThere) return "There is no such day.";
  return { year: whole, month, day, ...(year === undefined ? { before: "year" as const } : {}) };
}

function leapYear(year: number): number {
  return new Date(Date.UTC(year, 1, 29)).getUTCMonth() === 1 ? year : leapYear(year - 1);
}

function dayOf(at: number, utc: boolean): Day & { weekday: number } {
  const date = new Date(at);
  return utc
    ? { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), weekday: date.getUTCDay() }
    : { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate(), weekday: date.getDay() };
}

function momentOf({ year, month, day }: Day, { hour, minute, millis }: TimeOfDay, utc: boolean): number {
  return utc
    ? Date.UTC(year, month - 1, day, hour, minute, 0, millis)
    : new Date(year, month - 1, day, hour, minute, 0, millis).getTime();
}

function notLater(at: number, now: number, text: string): When {
  if (Number.isNaN(at)) return { fault: EXAMPLES };
  return at > now ? { fault: `${text} is still to come.` } : { at };
}

/** Whether a language writes the day before the month. */
export function writesDayFirst(locale: string | undefined): boolean {
  const parts = new Intl.DateTimeFormat(locale, { day: "numeric", month: "numeric" }).formatToParts(0);
  const at = (type: string) => parts.findIndex((part) => part.type === type);
  return at("day") < at("month");
}
