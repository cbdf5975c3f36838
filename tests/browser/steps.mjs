/** Steps of a way that build on each other, and waiting for what becomes true. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PATIENCE_MS } from "./browser.mjs";

/** Makes a `test` for steps. Behind one that failed the rest says nothing; it tells what `pageOf()` showed. */
export function steps(pageOf) {
  let lost = false;
  return (name, run) =>
    test(name, async (context) => {
      if (lost) return context.skip("an earlier step failed");
      lost = true;
      try {
        await run();
      } catch (error) {
        const page = pageOf();
        // Reporters print the stack, which has the message as it was.
        error.stack += `\nThe page said: ${(await page.locator("body").innerText()).replace(/\s+/g, " ").slice(0, 2000)}`;
        if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/failed.png`, fullPage: true });
        throw error;
      }
      lost = false;
    });
}

/** Has the test outside do what no page can. */
export async function outside(deed, body = "") {
  const answer = await fetch(`${process.env.CONTROL}/${deed}`, { method: "POST", body });
  assert.equal(answer.status, 200, deed);
}

/** Until `probe` gives something true; what it gave last is said otherwise. */
export async function eventually(probe, what, patienceMs = PATIENCE_MS) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`not within ${patienceMs} ms: ${what}; last seen: ${value}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}
