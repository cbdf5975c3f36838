/** Which moments of a range are looked at, and in how many calls: no call of GetImages covers more than five minutes. */
import type { Span } from "./timeline";

const CALL_MS_MAX = 300_000;
/** KVS API_GetImages: no moments are nearer to each other. */
const STEP_MS_MIN = 200;

export interface Sampling extends Span {
  /** Between two moments, in milliseconds. */
  step: number;
}

/** Moments spread evenly over a range, `count` of them at most, as calls. */
export function samplings({ from, until }: Span, count: number): Sampling[] {
  const step = Math.max(STEP_MS_MIN, Math.ceil((until - from) / count));
  const moments = Math.min(count, Math.max(1, Math.ceil((until - from) / step)));
  const perCall = Math.max(1, Math.floor(CALL_MS_MAX / step));
  const calls: Sampling[] = [];
  for (let first = 0; first < moments; first += perCall) {
    const last = Math.min(moments, first + perCall) - 1;
    // The end is looked at as well; a range has a length.
    calls.push({ from: from + first * step, until: from + last * step + 1, step: Math.min(step, CALL_MS_MAX) });
  }
  return calls;
}
