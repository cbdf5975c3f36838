/** The arithmetic of a time line: what part of time is seen, where a moment lies in it, what to draw. */

/** A part of time in milliseconds since 1970. */
export interface Span {
  from: number;
  until: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const SPAN_MIN = 20 * SECOND;
export const SPAN_MAX = 31 * DAY;

const STEPS = [
  1, 2, 5, 10, 15, 30,
].map((n) => n * SECOND).concat(
  [1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  [1, 2, 3, 6, 12].map((n) => n * HOUR),
  [1, 2, 7, 14].map((n) => n * DAY),
);

export function positionOf(view: Span, at: number): number {
  return (at - view.from) / (view.until - view.from);
}

export function timeAt(view: Span, position: number): number {
  return view.from + position * (view.until - view.from);
}

/**
 * Where pictures are looked at: the last of a hundred or so of the view, the same ones however it is moved, and none before
 * the media that is pointed at `begins`.
 */
export function previewAt(view: Span, at: number, begins: number): number {
  const step = 2 ** Math.ceil(Math.log2(Math.max(1, (view.until - view.from) / 100_000))) * SECOND;
  return Math.max(Math.floor(at / step) * step, Math.ceil(begins));
}

/** Makes the view `factor` times as long, with the moment at `position` staying where it is. */
export function zoomed(view: Span, factor: number, position = 0.5): Span {
  const length = Math.min(SPAN_MAX, Math.max(SPAN_MIN, (view.until - view.from) * factor));
  const at = timeAt(view, position);
  return { from: at - position * length, until: at + (1 - position) * length };
}

/** Moves the view by a part of its length; positive is later. */
export function panned(view: Span, part: number): Span {
  const by = part * (view.until - view.from);
  return { from: view.from + by, until: view.until + by };
}

/** The view moved so that it does not look far into the future. */
export function notBeyond(view: Span, now: number): Span {
  const latest = now + (view.until - view.from) * 0.1;
  return view.until <= latest ? view : panned(view, (latest - view.until) / (view.until - view.from));
}

/** The view moved, if needed, so that `at` is in it. */
export function showing(view: Span, at: number): Span {
  const position = positionOf(view, at);
  if (position >= 0 && position <= 1) return view;
  return panned(view, position - 0.5);
}

/** What is known of a stream: since when, and until when there is media. */
export interface Known {
  from: number | undefined;
  newest: number | undefined;
}

/** A live view at first: all that is known, but an hour at most unless the newest media is older. */
export function firstView({ from, newest }: Known, now: number): Span {
  const sinceNewest = newest === undefined ? 0 : now - newest;
  const wanted = from === undefined || sinceNewest > HOUR ? Math.max(HOUR, sinceNewest) : Math.min(HOUR, now - from);
  const length = Math.min(SPAN_MAX, Math.max(2 * MINUTE, wanted * 1.1));
  return { from: now - length * 0.93, until: now + length * 0.07 };
}

/** A live view a moment later: the present stays in it, and so does the beginning of what is known for an hour. */
export function followed(view: Span, { from }: Known, now: number): Span {
  if (positionOf(view, now) <= 0.97) return view;
  const length = view.until - view.from;
  const showsBeginning = from !== undefined && positionOf(view, from) >= 0;
  return showsBeginning && length < HOUR ? { from: view.from, until: view.until + length / 4 } : panned(view, 0.02);
}

/** The part of time to load for a view: more than is seen, so that dragging has something to show; stable while it moves a little. */
export function loadedFor(view: Span): Span {
  const length = view.until - view.from;
  const step = 2 ** Math.ceil(Math.log2(length));
  return { from: Math.floor((view.from - length / 2) / step) * step, until: Math.ceil((view.until + length / 2) / step) * step };
}

export interface Tick {
  at: number;
  label: string;
  /** A day begins here. */
  day: boolean;
}

/** Marks at round local times, about `count` of them. */
export function ticks(view: Span, count: number): Tick[] {
  const wanted = (view.until - view.from) / Math.max(1, count);
  const step = STEPS.find((one) => one >= wanted) ?? 14 * DAY;
  const found: Tick[] = [];
  const date = new Date(view.from);
  date.setHours(0, 0, 0, 0);
  if (step >= DAY) {
    const days = step / DAY;
    // Counted from a fixed day, so that marks stay while the view moves.
    const number = Math.round((date.getTime() - date.getTimezoneOffset() * MINUTE) / DAY);
    date.setDate(date.getDate() - (((number % days) + days) % days));
    for (; date.getTime() <= view.until; date.setDate(date.getDate() + days)) {
      if (date.getTime() >= view.from) found.push(tick(date.getTime(), step));
    }
    return found;
  }
  // Day by day, so that marks are round local times after the clocks were changed as well.
  while (date.getTime() <= view.until) {
    const midnight = date.getTime();
    date.setDate(date.getDate() + 1);
    const first = Math.max(0, Math.ceil((view.from - midnight) / step));
    for (let at = midnight + first * step; at < date.getTime() && at <= view.until; at += step) found.push(tick(at, step));
  }
  return found;
}

const two = (number: number) => String(number).padStart(2, "0");
const DAY_LABEL = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

function tick(at: number, step: number): Tick {
  const date = new Date(at);
  const day = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (day) return { at, day, label: DAY_LABEL.format(date) };
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return { at, day, label: step < MINUTE ? `${time}:${two(date.getSeconds())}` : time };
}

/** Spans in the view, joined where less than `seam` lies between them: nobody can see it, and a month has many. */
export function joined<T extends Span>(spans: T[], view: Span, seam: number, alike: (a: T, b: T) => boolean = () => true): T[] {
  const found: T[] = [];
  const seen = spans.filter((span) => span.until > view.from && span.from < view.until);
  for (const span of seen.sort((a, b) => a.from - b.from)) {
    const last = found.at(-1);
    if (last && span.from - last.until <= seam && alike(last, span)) {
      last.until = Math.max(last.until, span.until);
    } else {
      found.push({ ...span });
    }
  }
  return found;
}

/** What is left of spans when others are taken out of them. */
export function without<T extends Span>(spans: T[], taken: Span[]): T[] {
  let rest = spans;
  for (const cut of taken) {
    rest = rest.flatMap((span) => {
      if (cut.until <= span.from || cut.from >= span.until) return [span];
      const parts: T[] = [];
      if (cut.from > span.from) parts.push({ ...span, until: cut.from });
      if (cut.until < span.until) parts.push({ ...span, from: cut.until });
      return parts;
    });
  }
  return rest;
}

/** The two ends of a drag, in order. */
export function between(a: number, b: number): Span {
  return { from: Math.min(a, b), until: Math.max(a, b) };
}
