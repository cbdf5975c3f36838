/** A wall of cameras: live, one of them dying, one that the browser cannot play, and all at the same moment of the past. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { inspect, signIn, visit } from "./console.mjs";
import { decoded } from "./pictures.mjs";
import { eventually, outside, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, CAMERAS, DYING } = process.env;
const cameras = CAMERAS.split(" ");

let browser;
let page;
let complaints;
const test = steps(() => page);

before(async () => {
  browser = await launch();
  ({ page, complaints } = await openPage(browser, url));
  await signIn(page, { url, keyId, secret });
});
after(() => browser.close());

const tile = (name) => page.getByRole("list", { name: "Wall" }).getByRole("listitem", { name, exact: true });
const video = (name) => page.getByLabel(`Video of ${name}`, { exact: true });
const framesOf = (name) => video(name).evaluate((element) => element.getVideoPlaybackQuality().totalVideoFrames);
const dateOf = (name) => tile(name).locator("span").filter({ hasText: /\d\d:\d\d:\d\d/ }).first().innerText();

test("an empty wall asks for cameras, and they are chosen by name", async () => {
  await visit(page, "Wall");
  await page.getByText("An empty wall").waitFor();
  const field = page.getByRole("button", { name: /^Cameras/ });
  await field.click();
  for (const name of [...cameras, "modern"]) await page.getByRole("option", { name, exact: true }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("list", { name: "Wall" }).waitFor();
  assert.equal(await page.getByRole("list", { name: "Wall" }).getByRole("listitem").count(), cameras.length + 1);
});

test("all of them are live", async () => {
  for (const name of cameras) {
    await eventually(async () => (await framesOf(name)) > 10, `${name} plays`, 60_000);
    await tile(name).getByText("Live", { exact: true }).waitFor();
  }
  const tops = await Promise.all(cameras.slice(0, 3).map((name) => tile(name).boundingBox().then(({ y }) => y)));
  assert.equal(new Set(tops).size, 1, "three beside each other");
});

test("what this browser cannot play is shown as pictures, and says so", async () => {
  await outside("upload_modern");
  await tile("modern").getByText("This browser cannot play H.265: a picture each 2 s").waitFor();
  const [picture] = await decoded(tile("modern").getByRole("img", { name: "Picture of modern" }), 1);
  assert.ok(picture.colours > 8, JSON.stringify(picture));
  await inspect(page, "wall");
});

test("a camera that dies is not live any more, and the others go on", async () => {
  await outside("dies");
  await eventually(async () => {
    const words = await tile(DYING).innerText();
    return /Newest video, \d+ s old/.test(words) || /No video/.test(words);
  }, "it is said of the one that died", 90_000);
  const other = cameras.find((name) => name !== DYING);
  const before = await framesOf(other);
  await eventually(async () => (await framesOf(other)) > before + 10, "another goes on");
  await tile(other).getByText("Live", { exact: true }).waitFor();
});

test("the wall is kept, and its address is a wall", async () => {
  assert.match(new URL(page.url()).hash, new RegExp(`^#/wall\\?streams=${cameras.join(",")},modern$`));
  await visit(page, "Streams");
  await visit(page, "Wall");
  await eventually(async () => (await page.getByRole("list", { name: "Wall" }).getByRole("listitem").count()) === cameras.length + 1, "it is as it was");
});

test("all go to the same moment of the past, and stay together", async () => {
  await page.getByRole("textbox", { name: "Go to a time" }).fill("20 s ago");
  await page.keyboard.press("Enter");
  const living = cameras.filter((name) => name !== DYING);
  for (const name of living) await eventually(async () => (await framesOf(name)) > 10, `${name} plays`, 60_000);
  await eventually(async () => {
    const times = await Promise.all(living.map(async (name) => Date.parse(`1970-01-01 ${(await dateOf(name)).match(/\d\d:\d\d:\d\d/)[0]}Z`)));
    return Math.max(...times) - Math.min(...times) <= 2000;
  }, "all show the same moment");
  assert.match(page.url(), /[?&]at=\d{13}$/);
  await page.getByRole("button", { name: "Live", exact: true }).click();
  await tile(living[0]).getByText("Live", { exact: true }).waitFor();
});

test("a tag names the smaller stream of a camera, and that one is shown", async () => {
  let asked = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/getHLSStreamingSessionURL")) asked.push(JSON.parse(request.postData()).StreamName);
  });
  await outside("tag");
  await page.reload();
  await eventually(() => asked.includes(cameras[1]) && !asked.includes(cameras[0]), `${asked}`);
  await tile(cameras[0]).getByRole("link", { name: cameras[0], exact: true }).waitFor();
});

test("the page complained about nothing and talked to nobody else", () => {
  assert.deepEqual(complaints, []);
});
