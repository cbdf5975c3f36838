/** Measures what watching in the console takes, and prints it as JSON. Run by tests/bench_watching.py, never as a test. */
import { launch, openPage } from "./browser.mjs";
import { signIn, visit } from "./console.mjs";
import { outside } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, ROUNDS, LIVE, RECORDED } = process.env;
/** When the recorded media begins, and how long it lasts. */
const [recordedFrom, recordedMs] = RECORDED.split(" ").map(Number);

/** Milliseconds from following an address to the first picture. */
function firstPicture(page, hash) {
  return page.evaluate(
    (to) =>
      new Promise((done) => {
        const began = performance.now();
        location.hash = to;
        const look = () => {
          const frames = document.querySelector("video")?.getVideoPlaybackQuality().totalVideoFrames ?? 0;
          if (frames > 0) done(performance.now() - began);
          else requestAnimationFrame(look);
        };
        look();
      }),
    hash,
  );
}

/** Where a moment of the recording lies on the timeline. */
async function placeOf(page, part) {
  const timeline = page.getByRole("slider", { name: "Timeline" });
  const { x, y, width } = await timeline.boundingBox();
  const [from, until] = await Promise.all(["aria-valuemin", "aria-valuemax"].map((end) => timeline.getAttribute(end).then(Number)));
  return [x + ((recordedFrom + recordedMs * part - from) / (until - from)) * width, y + 54];
}

/** Milliseconds from the pointer's coming to rest on a moment of the timeline to the picture of it. */
async function preview(page, part) {
  await page.mouse.move(0, 0);
  await page.waitForFunction(() => !document.querySelector(".preview"));
  const seen = page.evaluate(
    () =>
      new Promise((done) => {
        let began;
        addEventListener("pointermove", () => (began ??= performance.now()), { capture: true });
        const look = () => {
          const image = document.querySelector(".preview img");
          if (began !== undefined && image?.complete && image.naturalWidth > 0) done(performance.now() - began);
          else requestAnimationFrame(look);
        };
        look();
      }),
  );
  await page.mouse.move(...(await placeOf(page, part)));
  return seen;
}

const results = { cold: [], warm: [], first: [], recorded: [], live: [] };
const at = (part) => `#/streams/recorded?at=${Math.round(recordedFrom + recordedMs * part)}`;

for (let round = 0; round < Number(ROUNDS); round += 1) {
  // A browser of its own: nothing is cached, the player is not there yet.
  const browser = await launch();
  const { page } = await openPage(browser, url);
  await signIn(page, { url, keyId, secret });
  await page.waitForLoadState("networkidle");
  results.first.push(await firstPicture(page, at(0.5)));
  await visit(page, "Streams");
  results.recorded.push(await firstPicture(page, at(0.25)));
  await visit(page, "Streams");
  results.live.push(await firstPicture(page, `#/streams/${LIVE}`));
  await visit(page, "Streams");
  await firstPicture(page, at(0.5));
  await page.getByRole("button", { name: "Pause" }).click();
  // Until the recording is most of the timeline: moments beside each other have pictures of their own.
  for (let turn = 0; turn < 10; turn += 1) {
    const [[begins], [ends]] = [await placeOf(page, 0), await placeOf(page, 1)];
    if (ends - begins > 400) break;
    await page.mouse.move(...(await placeOf(page, 0.5)));
    await page.mouse.wheel(0, -300);
    await page.waitForTimeout(300);
  }
  // No decoder runs in a server that has just begun, and none of its media is in its memory.
  await outside("restart");
  results.cold.push(await preview(page, 0.43));
  for (let place = 0; place < 5; place += 1) results.warm.push(await preview(page, 0.45 + place / 50));
  await browser.close();
}

console.log(JSON.stringify(results));
