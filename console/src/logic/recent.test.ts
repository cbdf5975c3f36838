import { expect, test } from "vitest";
import { Recent } from "./recent";

test("what is used stays, what was not used for longest goes", () => {
  const recent = new Recent<number>(2);
  recent.set("a", 1);
  recent.set("b", 2);
  expect(recent.get("a")).toBe(1);
  recent.set("c", 3);
  expect(recent.get("b")).toBeUndefined();
  expect(recent.get("a")).toBe(1);
  recent.set("a", 4);
  expect([recent.get("a"), recent.get("c")]).toEqual([4, 3]);
});
