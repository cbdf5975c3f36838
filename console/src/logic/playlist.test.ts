import { expect, test } from "vitest";
import { placeOf, reaches } from "./playlist";

const listed = [
  { start: 0, duration: 2, programDateTime: 100_000 },
  { start: 2, duration: 2, programDateTime: 102_000 },
  // A minute is missing before it.
  { start: 4, duration: 2, programDateTime: 164_000 },
];

test("a moment is found within its fragment", () => {
  expect(placeOf(listed, 100_000)).toEqual({ seconds: 0, at: 100_000 });
  expect(placeOf(listed, 103_500)).toEqual({ seconds: 3.5, at: 103_500 });
  expect(placeOf(listed, 165_000)).toEqual({ seconds: 5, at: 165_000 });
});

test("a moment in a gap is where it goes on, one behind the end is nowhere", () => {
  expect(placeOf(listed, 120_000)).toEqual({ seconds: 4, at: 164_000 });
  expect(placeOf(listed, 90_000)).toEqual({ seconds: 0, at: 100_000 });
  expect(placeOf(listed, 166_000)).toBeUndefined();
  expect(placeOf([], 1)).toBeUndefined();
});

test("what lies between the ends is reached", () => {
  expect(reaches(listed, 120_000)).toBe(true);
  expect(reaches(listed, 99_999)).toBe(false);
  expect(reaches(listed, 166_000)).toBe(false);
  expect(reaches([], 1)).toBe(false);
});
