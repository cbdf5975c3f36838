/** A wall of the past: a camera that had no video at first comes in when it has some. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { signIn } from "./console.mjs";
import { eventually, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, BEGUN } = process.env;

let browser;
let page;
const test = steps(() => page);

before(async () => {
  browser = await launch();
  ({ page } = await openPage(browser, url));
  await signIn(page, { url, keyId, secret });
});
after(() => browser.close());

const tile = (name) => page.getByRole("list", { name: "Wall" }).getByRole("listitem", { name, exact: true });
const framesOf = (name) =>
  page.getByLabel(`Video of ${name}`, { exact: true }).evaluate((element) => element.getVideoPlaybackQuality().totalVideoFrames);

test("one plays, and the other has nothing for more than a minute", async () => {
  await page.evaluate((to) => (location.hash = to), `#/wall?streams=early,later&at=${BEGUN}`);
  await eventually(async () => (await framesOf("early")) > 10, "early plays");
  await tile("later").getByText("No video").waitFor();
});

test("it is there by itself when its time is near, and no earlier than the other", async () => {
  await eventually(async () => (await framesOf("later")) > 0, "later has a picture", 120_000);
  assert.ok(!(await tile("later").innerText()).includes("No video"));
  await eventually(async () => (await framesOf("later")) > 50, "later plays", 120_000);
  const shown = async (name) => Date.parse(`1970-01-01 ${(await tile(name).innerText()).match(/\d\d:\d\d:\d\d/)[0]}Z`);
  await eventually(async () => Math.abs((await shown("early")) - (await shown("later"))) <= 2000, "both show the same moment");
});
