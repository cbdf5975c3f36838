import { expect, test } from "vitest";
import {
  between,
  firstView,
  followed,
  joined,
  loadedFor,
  notBeyond,
  panned,
  positionOf,
  previewAt,
  showing,
  SPAN_MAX,
  SPAN_MIN,
  ticks,
  timeAt,
  without,
  zoomed,
} from "./timeline";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const view = { from: 10 * HOUR, until: 12 * HOUR };

test("a moment and its position are each other's inverse", () => {
  for (const position of [0, 0.25, 1, 1.5]) expect(positionOf(view, timeAt(view, position))).toBeCloseTo(position);
});

test("previews are of some hundred moments of a view, and stay as it is moved", () => {
  const moments = (span: { from: number; until: number }) =>
    new Set(Array.from({ length: 5000 }, (_, n) => previewAt(span, timeAt(span, n / 5000), 0)));
  const seen = moments(view);
  expect(seen.size).toBeGreaterThan(49);
  expect(seen.size).toBeLessThan(102);
  const later = moments(panned(view, 0.5));
  expect([...later].filter((at) => seen.has(at)).length).toBeGreaterThan(seen.size / 3);
  expect(previewAt({ from: 0, until: 20_000 }, 1999, 0)).toBe(1000);
  // Of a day, with media of a minute in it.
  expect(previewAt({ from: 0, until: 24 * HOUR }, 3_000_000, 2_990_000.4)).toBe(2_990_001);
});

test("zooming keeps the moment under the pointer", () => {
  for (const position of [0, 0.3, 1]) {
    const near = zoomed(view, 0.5, position);
    expect(near.until - near.from).toBe(HOUR);
    expect(timeAt(near, position)).toBeCloseTo(timeAt(view, position));
  }
});

test("zooming has ends", () => {
  const near = zoomed(view, 1e-9);
  expect(near.until - near.from).toBe(SPAN_MIN);
  const far = zoomed(view, 1e9);
  expect(far.until - far.from).toBe(SPAN_MAX);
});

test("a view moves and never looks far ahead", () => {
  expect(panned(view, 0.5)).toEqual({ from: 11 * HOUR, until: 13 * HOUR });
  expect(notBeyond(view, 20 * HOUR)).toBe(view);
  const now = 11 * HOUR;
  const back = notBeyond(panned(view, 3), now);
  expect(back.until).toBeCloseTo(now + 0.1 * 2 * HOUR);
  expect(back.until - back.from).toBeCloseTo(2 * HOUR);
  expect(showing(view, 11 * HOUR)).toBe(view);
  expect(positionOf(showing(view, 50 * HOUR), 50 * HOUR)).toBeCloseTo(0.5);
});

test("what is loaded holds the view and stays while the view moves a little", () => {
  const loaded = loadedFor(view);
  expect(loaded.from).toBeLessThanOrEqual(view.from - HOUR);
  expect(loaded.until).toBeGreaterThanOrEqual(view.until + HOUR);
  expect(loadedFor(panned(view, 0.001))).toEqual(loaded);
});

test("marks are round local times, about as many as asked for", () => {
  for (const length of [30_000, 600_000, HOUR, 7 * HOUR, 26 * HOUR, 100 * HOUR, 30 * 24 * HOUR]) {
    const from = Date.UTC(2026, 10, 22, 14, 35, 7);
    const marks = ticks({ from, until: from + length }, 8);
    expect(marks.length, `${length}`).toBeGreaterThanOrEqual(1);
    expect(marks.length, `${length}`).toBeLessThanOrEqual(9);
    for (const mark of marks) {
      expect(mark.at).toBeGreaterThanOrEqual(from);
      expect(mark.at % 1000).toBe(0);
      if (mark.day) expect(new Date(mark.at).getHours()).toBe(0);
    }
  }
});

test("spans are joined across seams that nobody sees", () => {
  const spans = [
    { from: 11 * HOUR, until: 11.5 * HOUR, reason: "a" },
    { from: 9 * HOUR, until: 10.5 * HOUR, reason: "a" },
    { from: 10.5 * HOUR + 10, until: 10.9 * HOUR, reason: "a" },
    { from: 10.9 * HOUR, until: 11 * HOUR, reason: "b" },
    { from: 1 * HOUR, until: 2 * HOUR, reason: "a" },
  ];
  expect(joined(spans, view, 1000)).toEqual([{ from: 9 * HOUR, until: 11.5 * HOUR, reason: "a" }]);
  const byReason = joined(spans, view, 1000, (a, b) => a.reason === b.reason);
  expect(byReason.map(({ reason }) => reason)).toEqual(["a", "b", "a"]);
});

test("what is taken out leaves the rest", () => {
  const whole = [{ from: 0, until: 10 }];
  expect(without(whole, [{ from: 3, until: 4 }, { from: 8, until: 12 }])).toEqual([
    { from: 0, until: 3 },
    { from: 4, until: 8 },
  ]);
  expect(without(whole, [{ from: -1, until: 11 }])).toEqual([]);
  expect(without(whole, [{ from: 10, until: 11 }])).toEqual(whole);
  expect(between(5, 2)).toEqual({ from: 2, until: 5 });
});

test("a live view shows all that is known, an hour at most unless the newest media is older", () => {
  const now = 1000 * HOUR;
  const check = (from: number | undefined, newest: number | undefined, length: number) => {
    const first = firstView({ from, newest }, now);
    expect(first.until - first.from).toBeCloseTo(length);
    expect(positionOf(first, now)).toBeCloseTo(0.93);
    for (const known of [from, newest]) if (known !== undefined && now - known < length) expect(known).toBeGreaterThan(first.from);
  };
  check(undefined, undefined, 1.1 * HOUR);
  check(now - 5000, undefined, 2 * MINUTE);
  check(now - 10 * MINUTE, now - 1000, 11 * MINUTE);
  check(now - 500 * HOUR, now - 1000, 1.1 * HOUR);
  check(now - 500 * HOUR, now - 20 * HOUR, 22 * HOUR);
  check(now - 1000 * HOUR, now - 999 * HOUR, SPAN_MAX);
});

test("a live view keeps the beginning of what is known for an hour, then it moves", () => {
  let seen = firstView({ from: 0, newest: 0 }, 0);
  const known = { from: 0, newest: undefined };
  for (let now = 0; now < 5 * HOUR; now += 1000) {
    seen = followed(seen, known, now);
    expect(positionOf(seen, now)).toBeLessThanOrEqual(0.97);
    expect(positionOf(seen, 0) >= 0).toBe(seen.until - seen.from < 1.25 * HOUR && seen.from <= 0);
  }
  expect(seen.until - seen.from).toBeGreaterThanOrEqual(HOUR);
  expect(seen.from).toBeGreaterThan(3 * HOUR);
});
