import { expect, test } from "vitest";
import { samplings } from "./sampling";

const MINUTE = 60_000;

test("a range is looked at in as few calls as may be, evenly", () => {
  const check = (length: number, count: number, expected: [from: number, until: number, step: number][]) => {
    const found = samplings({ from: 1_000_000, until: 1_000_000 + length }, count);
    expect(found.map(({ from, until, step }) => [from - 1_000_000, until - 1_000_000, step])).toEqual(expected);
  };
  check(12_000, 12, [[0, 11_001, 1000]]);
  check(1000, 12, [[0, 801, 200]]);
  check(1, 12, [[0, 1, 200]]);
  check(5 * MINUTE, 5, [[0, 240_001, 60_000]]);
  check(8 * MINUTE, 4, [
    [0, 120_001, 120_000],
    [240_000, 360_001, 120_000],
  ]);
  check(60 * MINUTE, 2, [
    [0, 1, 300_000],
    [1_800_000, 1_800_001, 300_000],
  ]);
});
