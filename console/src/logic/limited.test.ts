import { expect, test } from "vitest";
import { limited } from "./limited";

test("no more than so many are under way, all have their turn, and a failure gives it on", async () => {
  const few = limited(2);
  let running = 0;
  let most = 0;
  const done = await Promise.allSettled(
    [1, 2, 3, 4, 5, 6].map((number) =>
      few(async () => {
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
        if (number === 2) throw new Error("no");
        return number;
      }),
    ),
  );
  expect(most).toBe(2);
  expect(done.map(({ status }) => status === "fulfilled")).toEqual([true, false, true, true, true, true]);
});
