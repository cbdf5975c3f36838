import { expect, test } from "vitest";
import { standing } from "./standing";

const NOW = Date.UTC(2026, 10, 29, 12);

test("live is what was filmed seconds ago, and not what merely came last", () => {
  expect(standing(true, NOW - 8000, NOW)?.text).toBe("Live");
  expect(standing(true, NOW - 40_000, NOW)?.text).toBe("Newest video, 40 s old");
  expect(standing(true, NOW - 79_200_000, NOW)?.text).toBe("Newest video, 22 h old");
  expect(standing(false, NOW - 1000, NOW)?.text).toBe("Recorded");
  // A hub whose clock is ahead.
  expect(standing(true, NOW + 180_000, NOW)?.text).toBe("Live");
});

test("while nothing is shown nothing is claimed", () => {
  expect(standing(true, undefined, NOW)).toBeUndefined();
  expect(standing(false, undefined, NOW)).toBeUndefined();
});
