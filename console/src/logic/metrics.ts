/** The server's metrics as it writes them (OpenMetrics), and rates between two readings. */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Reading {
  /** Milliseconds since 1970. */
  at: number;
  samples: Sample[];
  /** What each family counts, in the server's words. */
  help: Record<string, string>;
}

export function parseMetrics(text: string, at: number): Reading {
  const samples: Sample[] = [];
  const help: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const described = /^# HELP (\S+) (.*)$/.exec(line);
    if (described?.[1]) help[described[1]] = (described[2] ?? "").replace(/\.$/, "");
    const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (line.startsWith("#") || !found?.[1]) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      if (name) labels[name] = value ?? "";
    }
    samples.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return { at, samples, help };
}

/** The sum of all samples of a name. */
export function total(reading: Reading, name: string): number {
  return reading.samples.filter((sample) => sample.name === name).reduce((sum, { value }) => sum + value, 0);
}

/** Per second, between two readings; nothing when the server started anew in between. */
export function rate(before: Reading, after: Reading, name: string): number | undefined {
  const seconds = (after.at - before.at) / 1000;
  const grown = total(after, name) - total(before, name);
  return seconds > 0 && grown >= 0 ? grown / seconds : undefined;
}

/** The upper bound under which a share of a histogram's observations lies. */
export function quantile(reading: Reading, name: string, share: number): number | undefined {
  const buckets = reading.samples
    .filter((sample) => sample.name === `${name}_bucket`)
    .map(({ labels, value }) => ({ bound: labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le), value }))
    .sort((a, b) => a.bound - b.bound);
  const all = buckets.at(-1)?.value ?? 0;
  if (all === 0) return undefined;
  return buckets.find(({ value }) => value >= share * all)?.bound;
}

/** How long nothing is deleted by age yet, because the server's clock is not believed; nothing when it is. */
export function ageHoldMs(reading: Reading): number | undefined {
  const seconds = total(reading, "vigie_server_age_hold_seconds_left");
  return seconds > 0 ? seconds * 1000 : undefined;
}
