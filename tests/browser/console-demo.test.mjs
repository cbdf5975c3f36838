/** The link that `vigie demo` prints: it opens on live video, once. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, openPage } from "./browser.mjs";

const { VIGIE_URL: url, LINK: link } = process.env;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

test("the link opens on live video, and leaves the address", async () => {
  const { page, complaints } = await openPage(browser, url);
  await page.goto(link);
  await page.getByRole("heading", { name: "demo", exact: true }).waitFor();
  await page.waitForFunction(() => document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames > 25);
  assert.equal(new URL(page.url()).hash, "#/streams/demo");
  assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage }))).includes("ASIA"));
  assert.deepEqual(complaints, []);
});

test("it works once", async () => {
  const { page } = await openPage(browser, url);
  await page.goto(link);
  await page.getByText("This link was used already, or is too old.").waitFor();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
});
