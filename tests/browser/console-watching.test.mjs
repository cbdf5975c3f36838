/** Finding and watching: sound, a codec that the browser has not, a time that is typed, steps and speeds, true times. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { fact, inspect, signIn, visit } from "./console.mjs";
import { decoded } from "./pictures.mjs";
import { eventually, outside, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret } = process.env;
/** When the incident began, ms. */
const INCIDENT = Number(process.env.INCIDENT);

let browser;
let page;
let complaints;
const test = steps(() => page);

before(async () => {
  browser = await launch();
  ({ page, complaints } = await openPage(browser, url, { timezoneId: "Asia/Kolkata" }));
  await signIn(page, { url, keyId, secret });
});
after(() => browser.close());

const video = (stream) => page.getByLabel(`Video of ${stream}`);
const timeline = () => page.getByRole("slider", { name: "Timeline" });
const at = () => timeline().getAttribute("aria-valuenow").then(Number);
const standing = (text) => page.getByRole("heading", { name: new RegExp(`^Video ${text}`) });
const button = (name) => page.getByRole("button", { name, exact: true });
const state = (stream) =>
  video(stream).evaluate((element) => ({
    seconds: element.currentTime,
    frames: element.getVideoPlaybackQuality().totalVideoFrames,
    soundBytes: element.webkitAudioDecodedByteCount,
    isMuted: element.muted,
    isPaused: element.paused,
    rate: element.playbackRate,
  }));

async function open(stream) {
  await visit(page, "Streams");
  await page.getByRole("link", { name: stream, exact: true }).click();
  await page.getByRole("heading", { name: stream, exact: true }).waitFor();
}

async function watch(stream, frames) {
  const begun = await eventually(async () => (await state(stream)).frames, "the first picture is decoded", 60_000);
  await eventually(async () => (await state(stream)).frames >= begun + frames, `${frames} more pictures are decoded`);
}

/** How loud it is, 0 to 1, as it comes out of the element. */
const loudest = (stream) =>
  video(stream).evaluate(async (element) => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    context.createMediaStreamSource(element.captureStream()).connect(analyser);
    await context.resume();
    const samples = new Float32Array(analyser.fftSize);
    let loudest = 0;
    for (let looks = 0; looks < 20; looks += 1) {
      await new Promise((done) => setTimeout(done, 50));
      analyser.getFloatTimeDomainData(samples);
      loudest = Math.max(loudest, ...samples.map(Math.abs));
    }
    await context.close();
    return loudest;
  });

test("live video is silent until it is asked to sound", async () => {
  await open("gate");
  await watch("gate", 25);
  await standing("Live$").waitFor();
  assert.ok((await state("gate")).isMuted);
  await button("Sound on").click();
  await button("Sound off").waitFor();
  const before = await state("gate");
  assert.ok(!before.isMuted);
  await eventually(async () => (await state("gate")).soundBytes > before.soundBytes + 4000, "sound is decoded");
  await eventually(async () => (await loudest("gate")) > 0.01, "it is no silence");
  await inspect(page, "stream-sound");
  await video("gate").focus();
  await page.keyboard.press("m");
  await button("Sound on").waitFor();
});

test("an incident is found by typing its time", async () => {
  await open("incident");
  const field = page.getByRole("textbox", { name: "Go to a time" });
  await field.fill("when it rained");
  await page.keyboard.press("Enter");
  await page.getByText("Type a time, such as").waitFor();
  await field.fill("yesterday 14:30");
  await page.keyboard.press("Enter");
  await standing("Recorded$").waitFor();
  await watch("incident", 10);
  // What is shown is of then: the camera's clock, not the moment of the upload.
  assert.ok(Math.abs((await at()) - INCIDENT) < 8000, `${await at()} is played, ${INCIDENT} was meant`);
});

test("what is pointed at on the timeline is shown, and asked for once", async () => {
  let asked = 0;
  page.on("request", (request) => (asked += Number(request.url().endsWith("/getImages"))));
  const { width } = await timeline().boundingBox();
  const valueOf = (name) => timeline().getAttribute(name).then(Number);
  const [from, until] = [await valueOf("aria-valuemin"), await valueOf("aria-valuemax")];
  const point = async (moment) => timeline().hover({ position: { x: ((moment - from) / (until - from)) * width, y: 54 } });
  const preview = page.locator(".timeline-hint img");
  await point(INCIDENT + 10_000);
  const [first] = await decoded(preview, 1);
  assert.ok(first.width === 192 && first.colours > 8, JSON.stringify(first));
  const before = asked;
  await page.mouse.move(0, 0);
  await preview.waitFor({ state: "detached" });
  await point(INCIDENT + 10_000);
  await preview.waitFor();
  assert.equal(asked, before, "it was kept");
  await page.mouse.move(0, 0);
});

test("a link to what is shown opens on the same moment", async () => {
  await button("Pause").click();
  const shown = await at();
  await eventually(async () => {
    const told = Number(new URLSearchParams(new URL(page.url()).hash.split("?")[1]).get("at"));
    return Math.abs(told - shown) <= 1000;
  }, "the address is of what is shown");
  const other = await page.context().newPage();
  await other.goto("about:blank");
  // A tab has its own session; whoever is given the link signs in with a key of their own.
  await signIn(other, { url, keyId, secret });
  await other.goto(page.url());
  await other.getByRole("heading", { name: /^Video Recorded$/ }).waitFor();
  const valueNow = () => other.getByRole("slider", { name: "Timeline" }).getAttribute("aria-valuenow").then(Number);
  await eventually(async () => Math.abs((await valueNow()) - shown) < 4000, "it plays from there");
  await other.close();
});

test("it is stepped picture by picture, both ways", async () => {
  const before = await state("incident");
  for (let pictures = 0; pictures < 5; pictures += 1) await button("One picture on").click();
  const on = await state("incident");
  assert.ok(on.isPaused);
  assert.ok(Math.abs(on.seconds - before.seconds - 5 / 25) < 0.05, `${on.seconds - before.seconds} s are no five pictures`);
  await video("incident").focus();
  for (let pictures = 0; pictures < 5; pictures += 1) await page.keyboard.press(",");
  await eventually(async () => Math.abs((await state("incident")).seconds - before.seconds) < 0.05, "it is back");
});

test("it plays slower and faster, and jumps within what is loaded", async () => {
  await page.keyboard.press(" ");
  await button("Pause").waitFor();
  await page.keyboard.press("<");
  await eventually(async () => (await state("incident")).rate === 0.5, "half as fast");
  await page.getByRole("button", { name: /^Speed/ }).click();
  await page.getByRole("option", { name: "4×" }).click();
  await eventually(async () => (await state("incident")).rate === 4, "four times as fast");
  let asked = 0;
  page.on("request", (request) => (asked += Number(request.url().endsWith("/getHLSStreamingSessionURL"))));
  await page.getByRole("button", { name: /^Speed/ }).click();
  await page.getByRole("option", { name: "1×" }).click();
  const before = await at();
  await button("10 seconds on").click();
  await eventually(async () => (await at()) >= before + 9000, "it is ten seconds later");
  await button("10 seconds back").click();
  await eventually(async () => Math.abs((await at()) - before) < 5000, "it is back");
  assert.equal(asked, 0, "the session that is there was asked for no other");
});

test("the player fills the screen with its buttons", async () => {
  await button("Full screen").click();
  await button("Leave full screen").waitFor();
  assert.ok(await page.evaluate(() => document.fullscreenElement?.querySelector("[role=toolbar]") !== null));
  await button("Leave full screen").click();
  await button("Full screen").waitFor();
});

test("another day is one press away", async () => {
  const before = await at();
  await button("A day earlier").click();
  await page.getByText("No video here").waitFor();
  assert.ok(Math.abs(before - (await at()) - 86_400_000) < 20_000);
  await page.getByRole("heading", { name: "Video", exact: true }).waitFor();
  await page.getByRole("button", { name: /^Next video: .* 14:29:4\d$/ }).click();
  await standing("Recorded$").waitFor();
  await watch("incident", 5);
});

test("what is uploaded late is not called live, and has the time at which it was filmed", async () => {
  await open("late");
  await outside("upload_late");
  await watch("late", 10);
  await standing(String.raw`Newest video, \d+ h`).waitFor();
  const age = Date.now() - (await at());
  assert.ok(age > 20 * 3_600_000, `${age} ms old`);
  await inspect(page, "stream-late");
});

test("a codec that this browser has not is named, with the way on", async () => {
  await outside("upload_modern");
  await open("modern");
  await page.getByText("This browser cannot play H.265", { exact: true }).waitFor();
  await page.getByText("can be shown as images, or downloaded").waitFor();
  await page.getByRole("heading", { name: "Video", exact: true }).waitFor();
  assert.ok(await button("Play").isDisabled());
  await inspect(page, "stream-codec");
});

test("a camera that is not recorded says so on the stream's page, in the hub's words", async () => {
  await visit(page, "Streams");
  await page.getByRole("row", { name: /gate.*In sync/ }).waitFor();
  await page.getByRole("row", { name: /locked.*The camera is not recorded.*password/ }).waitFor();
  await page.getByRole("link", { name: "locked", exact: true }).click();
  await page.getByText("The camera is not recorded", { exact: true }).waitFor();
  await page.getByText(/password/).first().waitFor();
  await page.getByText("No live video").waitFor();
  assert.equal(await standing("Live").count(), 0, "nothing is live");
  await fact(page, "Recorder").getByText(/password/).waitFor();
  await inspect(page, "stream-locked");
});

test("a hub that is silent is said on its streams' pages and in the list, within half a minute", async () => {
  await open("gate");
  await fact(page, "Recorder").getByText("Recording", { exact: true }).waitFor();
  await outside("hub_dies");
  // 28 s, and what a machine with many tests takes.
  await page.getByText("The hub hub does not call", { exact: true }).waitFor({ timeout: 40_000 });
  // A picture that stands still is not live.
  await standing("Live").waitFor({ state: "detached", timeout: 30_000 });
  await visit(page, "Streams");
  await page.getByRole("row", { name: /gate.*The hub hub does not call/ }).waitFor();
});

test("the pages complained about nothing and talked to nobody else", () => {
  assert.deepEqual(complaints, []);
});
