/** A week of windows, laid out day by day in some time zone. */

const MINUTE = 60_000;
const DAY_MINUTES = 1440;

export interface Window {
  from: number;
  until: number;
}

/** A part of a day, in minutes since its midnight. */
export interface Block {
  from: number;
  until: number;
}

export interface Day {
  /** As people say it: `Mon 23 Nov`. */
  label: string;
  blocks: Block[];
}

/** Minutes since midnight on the clocks of a zone. */
export function minuteOfDay(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(at);
  const part = (type: string) => Number(parts.find((one) => one.type === type)?.value ?? 0);
  return part("hour") * 60 + part("minute");
}

/** The last midnight of a zone. */
export function startOfDay(at: number, zone: string): number {
  const minute = Math.floor(at / MINUTE) * MINUTE;
  const guess = minute - minuteOfDay(at, zone) * MINUTE;
  // Clocks that were changed since then are off by what they were changed.
  const off = minuteOfDay(guess, zone);
  return off > DAY_MINUTES / 2 ? guess + (DAY_MINUTES - off) * MINUTE : guess - off * MINUTE;
}

/** The seven days that begin with the midnight `start`, and what of the windows lies in each. */
export function week(windows: Window[], start: number, zone: string): Day[] {
  const label = new Intl.DateTimeFormat(undefined, { timeZone: zone, weekday: "short", day: "numeric", month: "short" });
  const days: Day[] = [];
  let midnight = start;
  for (let day = 0; day < 7; day += 1) {
    // A day has 23 to 25 hours; its middle is always in it.
    const next = startOfDay(midnight + 36 * 60 * MINUTE, zone);
    const blocks = windows
      .filter((window) => window.until > midnight && window.from < next)
      .map((window) => ({
        from: window.from <= midnight ? 0 : minuteOfDay(window.from, zone),
        until: window.until >= next ? DAY_MINUTES : minuteOfDay(window.until, zone),
      }))
      .filter((block) => block.until > block.from);
    days.push({ label: label.format(midnight + 12 * 60 * MINUTE), blocks });
    midnight = next;
  }
  return days;
}

export function timeText(minute: number): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

/** What a day holds, to be read aloud. */
export function dayText(day: Day): string {
  if (day.blocks.length === 0) return "closed";
  if (day.blocks.length > 6) {
    const minutes = day.blocks.reduce((sum, block) => sum + block.until - block.from, 0);
    return `${day.blocks.length} windows, ${minutes} minutes in all`;
  }
  return day.blocks.map(({ from, until }) => `${timeText(from)} to ${timeText(until)}`).join(", ");
}
