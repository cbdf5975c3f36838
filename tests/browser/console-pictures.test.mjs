/** The pictures of many streams: no load for a server that has other work. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { signIn } from "./console.mjs";
import { decoded } from "./pictures.mjs";
import { eventually, outside, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, STREAMS } = process.env;
const AT_ONCE_MAX = 3;

let browser;
let page;
let complaints;
const test = steps(() => page);

/** The streams that pictures were asked of, and how many calls were under way at most. */
const asked = [];
let underWay = 0;
let underWayMost = 0;

before(async () => {
  browser = await launch();
  ({ page, complaints } = await openPage(browser, url, { viewport: { width: 1280, height: 560 } }));
  await page.clock.install();
  await page.route("**/getImages", async (route) => {
    asked.push(route.request().postDataJSON().StreamName);
    underWay += 1;
    underWayMost = Math.max(underWayMost, underWay);
    const response = await route.fetch();
    underWay -= 1;
    await route.fulfill({ response });
  });
  await signIn(page, { url, keyId, secret });
});
after(async () => {
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await browser.close();
});

const pictureOf = (stream) => page.getByRole("img", { name: `Newest picture of ${stream}`, exact: true });

test("pictures are made of the rows on the screen, few at a time", async () => {
  await decoded(pictureOf("camera-00"), 1);
  await page.waitForLoadState("networkidle");
  const seen = new Set(asked);
  assert.ok(seen.size > 2 && seen.size < Number(STREAMS), `${seen.size} of ${STREAMS}`);
  assert.equal(asked.length, seen.size, "each was asked for once");
  assert.ok(underWayMost <= AT_ONCE_MAX, `${underWayMost} at once`);
  assert.ok(!seen.has(`camera-${Number(STREAMS) - 1}`));
});

test("the others are made when they are scrolled to", async () => {
  const last = `camera-${Number(STREAMS) - 1}`;
  await page.getByRole("link", { name: last }).scrollIntoViewIfNeeded();
  const [picture] = await decoded(pictureOf(last), 1);
  assert.ok(picture.colours > 8, JSON.stringify(picture));
  assert.ok(underWayMost <= AT_ONCE_MAX, `${underWayMost} at once`);
});

test("a picture is made anew when there is newer media, and not before", async () => {
  await page.waitForLoadState("networkidle");
  const before = asked.length;
  const listed = page.waitForResponse(/listStreams$/);
  await page.clock.runFor(60_000);
  await listed;
  await page.waitForLoadState("networkidle");
  assert.equal(asked.length, before, "a minute without newer media");
  const last = `camera-${Number(STREAMS) - 1}`;
  await outside("record", last);
  await eventually(async () => {
    await page.clock.runFor(10_000);
    return asked.length > before;
  }, "the newer picture is asked for");
  await page.waitForLoadState("networkidle");
  assert.deepEqual(asked.slice(before), [last]);
});

test("the page complained about nothing", () => {
  assert.deepEqual(complaints, []);
});
