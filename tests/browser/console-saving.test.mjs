/** Saving what was seen, and handing it over: a marked range as a file with its text, a link, another browser, its end. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { after, before } from "node:test";
import { assertAccessible, launch, openPage } from "./browser.mjs";
import { inspect, shoot, signIn, visit } from "./console.mjs";
import { eventually, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, CLIP, MANIFEST } = process.env;
/** When the incident began and ended, ms. */
const [BEGIN, END] = [Number(process.env.BEGIN), Number(process.env.END)];

let browser;
let page;
let complaints;
/** Of somebody without an account. */
let guest;
let link;
let shown;
const test = steps(() => shown ?? page);

before(async () => {
  browser = await launch();
  ({ page, complaints } = await openPage(browser, url, { acceptDownloads: true }));
  await signIn(page, { url, keyId, secret });
});
after(() => browser.close());

const button = (name) => page.getByRole("button", { name, exact: true });
const dialog = () => page.getByRole("dialog");
const frames = (on) =>
  on.getByLabel("Video of incident").evaluate((element) => element.getVideoPlaybackQuality().totalVideoFrames);

async function watch(on, count) {
  await eventually(async () => (await frames(on)) >= count, `${count} pictures are decoded`, 60_000);
}

async function sha256(path) {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}

async function goTo(at) {
  await page.goto(`${url}/console/#/streams/incident?at=${at}`);
  await page.getByText("Recorded", { exact: true }).waitFor();
}

test("a range of forty minutes is marked", async () => {
  await goTo(BEGIN + 2000);
  await button("Start here").click();
  await page.getByRole("textbox", { name: "Go to a time" }).fill(new Date(END - 20_000).toISOString());
  await page.getByRole("textbox", { name: "Go to a time" }).press("Enter");
  const timeline = page.getByRole("slider", { name: "Timeline" });
  // Not only asked for: played.
  await watch(page, (await frames(page)) + 25);
  await eventually(async () => Number(await timeline.getAttribute("aria-valuenow")) > END - 25_000, "it is at the end");
  await button("End here").click();
  await page.getByText(/, (39 min \d+ s|40 min)/).waitFor();
});

test("it is saved as one file, with a text that says what it is", async () => {
  const downloads = [];
  page.on("download", (download) => downloads.push(download));
  await button("Save video").click();
  await assertAccessible(page, "save video");
  await shoot(page, "save-video");
  await dialog().getByRole("button", { name: "Save", exact: true }).click();
  await dialog().getByText(/The browser has 1 file/).waitFor({ timeout: 120_000 });
  await eventually(() => downloads.length === 2, "a file and its text are downloaded");
  const [file, text] = downloads;
  assert.match(file.suggestedFilename(), /^incident-\d{8}T\d{6}Z-\d{8}T\d{6}Z\.mp4$/);
  assert.match(text.suggestedFilename(), /^incident-\d{8}T\d{6}Z-\d{8}T\d{6}Z\.txt$/);
  await file.saveAs(CLIP);
  await text.saveAs(MANIFEST);
  const manifest = await readFile(MANIFEST, "utf8");
  assert.ok(manifest.includes(`${await sha256(CLIP)}  ${file.suggestedFilename()}`), manifest);
  for (const line of ["Saved by:   arn:aws:iam::", "Codecs:     H.264 and AAC", "Gaps:       1 gap", "no reason is known"]) {
    assert.ok(manifest.includes(line), `${line} is not in\n${manifest}`);
  }
  assert.ok(!manifest.includes("SessionToken"));
  await shoot(page, "save-video-done");
});

test("the saved clip is shared by a link", async () => {
  await dialog().getByRole("button", { name: "Share this clip" }).click();
  await dialog().getByRole("heading", { name: "Share incident" }).waitFor();
  await assertAccessible(page, "share");
  await shoot(page, "share");
  await dialog().getByRole("button", { name: "Create link" }).click();
  link = await dialog().getByLabel("the link", { exact: true }).innerText();
  assert.match(link, new RegExp(`^${url}/console/#/shared/[A-Za-z0-9_-]{22}$`));
  await shoot(page, "share-link");
  await dialog().getByRole("button", { name: "Done" }).click();
  await page.getByRole("row", { name: /Clip of .* root .* Open/ }).waitFor();
});

test("another browser without an account plays and downloads it, and sees nothing else", async () => {
  guest = await openPage(browser, url, { acceptDownloads: true });
  shown = guest.page;
  const asked = [];
  shown.on("request", (request) => asked.push(`${request.url()} ${JSON.stringify(request.headers())}`));
  await shown.goto(link);
  await shown.getByRole("heading", { name: "incident" }).waitFor();
  await shown.getByText(/^Shared by root until /).waitFor();
  await watch(shown, 50);
  await inspect(shown, "shared");
  assert.equal(await shown.getByRole("navigation").count(), 0);
  assert.equal(await shown.getByRole("button", { name: "Sign in" }).count(), 0);
  // It seeks, it sounds.
  const place = shown.getByRole("slider", { name: "Place in the clip" });
  const at = () => place.inputValue().then(Number);
  const begins = Number(await place.getAttribute("min"));
  await place.fill(String(begins + Math.round((0.7 * (END - BEGIN)) / 1000) * 1000));
  await eventually(async () => Math.abs((await at()) - BEGIN - 0.7 * (END - BEGIN)) < 120_000, "it plays at seven tenths");
  await watch(shown, (await frames(shown)) + 25);
  await shown.getByRole("button", { name: "Sound on" }).click();
  const coming = shown.waitForEvent("download");
  await shown.getByRole("link", { name: /^Download incident-/ }).click();
  assert.equal(await sha256(await (await coming).path()), await sha256(CLIP));
  // Whoever reads along the way, or a log, does not learn the link.
  const bearer = link.split("/").at(-1);
  assert.ok(asked.length > 5);
  assert.deepEqual(asked.filter((request) => request.includes(bearer)), []);
});

test("a link that is made up is refused", async () => {
  const other = await guest.context.newPage();
  await other.goto(`${link.slice(0, -22)}AAAAAAAAAAAAAAAAAAAAAA`);
  await other.getByText("This link is not valid, or has ended.").waitFor();
  assert.equal(await other.getByLabel(/^Video of/).count(), 0);
  await shoot(other, "shared-ended");
  await other.close();
});

test("it ends when it is revoked, for whoever watches too", async () => {
  const file = await shown.getByRole("link", { name: /^Download incident-/ }).getAttribute("href");
  const row = page.getByRole("row", { name: /Clip of .* root .* Open/ });
  await row.getByRole("button", { name: /^Revoke the link/ }).click();
  await dialog().getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("row", { name: /Clip of .* root .* Revoked/ }).waitFor();
  await shown.reload();
  await shown.getByText("This link is not valid, or has ended.").waitFor();
  assert.equal(await shown.evaluate((href) => fetch(href).then(({ status }) => status), file), 403);
  shown = undefined;
});

test("a wall is saved around the moment that it shows, all of its cameras with one text", async () => {
  const downloads = [];
  page.on("download", (download) => downloads.push(download));
  await page.goto(`${url}/console/#/wall?streams=incident,yard,empty&at=${BEGIN + 600_000}`);
  await page.getByRole("list", { name: "Wall" }).getByRole("listitem").first().waitFor();
  await button("Save video").click();
  await dialog().getByRole("button", { name: /^Before/ }).click();
  await page.getByRole("option", { name: "1 min", exact: true }).click();
  await dialog().getByText(/, 6 min( \d+ s)?$/).waitFor();
  await dialog().getByRole("button", { name: "Save", exact: true }).click();
  await dialog().getByText(/The browser has 2 files/).waitFor({ timeout: 60_000 });
  await dialog().getByText("there is no media of the stream in the range").waitFor();
  await eventually(() => downloads.length === 3, "two files and their text are downloaded");
  const manifest = await readFile(await downloads[2].path(), "utf8");
  for (const line of ["Stream incident", "Stream yard", "Stream empty", "  Not saved: there is no media of the stream in the range"]) {
    assert.ok(manifest.includes(line), `${line} is not in\n${manifest}`);
  }
  for (const download of downloads.slice(0, 2)) {
    assert.ok(manifest.includes(`${await sha256(await download.path())}  ${download.suggestedFilename()}`), manifest);
  }
  await shoot(page, "save-wall-done");
  await dialog().getByRole("button", { name: "Close", exact: true }).last().click();
});

test("the audit says who saved, who shared, who opened and who tried", async () => {
  await visit(page, "Audit");
  for (const action of ["ExportClip", "CreateShareLink", "RevokeShareLink"]) {
    await page.getByText(new RegExp(`\\b${action}\\b`)).first().waitFor();
  }
  const opened = page.getByRole("row", { name: /OpenShareLink/ });
  await opened.filter({ hasText: "Who has the link" }).first().waitFor();
  await opened.filter({ hasText: "Nobody known" }).first().waitFor();
});

test("nothing went wrong on the way", () => {
  assert.deepEqual(complaints, []);
  assert.deepEqual(guest.complaints, []);
});
