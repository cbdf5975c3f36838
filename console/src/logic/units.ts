/** Sizes and durations as people read them. */

const SIZE_UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** Decimal units, as disks are sold. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${SIZE_UNITS[unit]}`;
}

export function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? "" : "s"}`;
}

/** What hubs and servers say, as a sentence begins. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Two units at most: `2 days 3 h`, `5 min 10 s`, `40 s`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = seconds % 60;
  const parts: [number, string][] = [
    [days, days === 1 ? " day" : " days"],
    [hours, " h"],
    [minutes, " min"],
    [rest, " s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/** Hours as a stream's retention is said. */
export function retentionText(hours: number): string {
  if (hours === 0) return "Not kept";
  if (hours % 24 === 0) return plural(hours / 24, "day");
  return durationText(hours * 3_600_000);
}

/** How long ago, or in how long. */
export function relativeText(at: number, now: number): string {
  const distance = now - at;
  if (Math.abs(distance) < 2000) return "just now";
  return distance > 0 ? `${durationText(distance)} ago` : `in ${durationText(-distance)}`;
}
