import { expect, test } from "vitest";
import { anyOf, cannotKeepUp, columnsOf, keepingUp, shownOf } from "./wall";

test("as many beside each other as above each other", () => {
  expect([0, 1, 2, 4, 5, 9, 10, 16, 40].map(columnsOf)).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 4]);
});

test("a tag names the smaller stream of a camera, where there is one", () => {
  const names = ["gate", "gate-small"];
  expect(shownOf("gate", { SubStream: "gate-small" }, names)).toBe("gate-small");
  expect(shownOf("gate", { SubStream: "gone" }, names)).toBe("gate");
  expect(shownOf("gate", {}, names)).toBe("gate");
  expect(shownOf("gate", undefined, names)).toBe("gate");
});

test("media of several streams is one lane", () => {
  const range = (from: number, until: number) => ({ StartTimestamp: from, EndTimestamp: until, FragmentCount: 1, SizeBytes: 10 });
  expect(anyOf([[range(0, 10), range(50, 60)], [range(5, 20)], []])).toEqual([
    { StartTimestamp: 0, EndTimestamp: 20, FragmentCount: 2, SizeBytes: 20 },
    { StartTimestamp: 50, EndTimestamp: 60, FragmentCount: 1, SizeBytes: 10 },
  ]);
  expect(anyOf([])).toEqual([]);
});

test("who is ahead waits, who is behind follows", () => {
  expect(keepingUp(10_000, 10_900)).toBe("go on");
  expect(keepingUp(10_000, 12_000)).toBe("follow");
  expect(keepingUp(12_000, 10_000)).toBe("wait");
});

test("a page that shows less than half of the pictures cannot keep up", () => {
  expect(cannotKeepUp({ all: 100, dropped: 0 }, { all: 200, dropped: 60 })).toBe(true);
  expect(cannotKeepUp({ all: 100, dropped: 60 }, { all: 200, dropped: 80 })).toBe(false);
  expect(cannotKeepUp({ all: 100, dropped: 0 }, { all: 120, dropped: 20 })).toBe(false);
});
