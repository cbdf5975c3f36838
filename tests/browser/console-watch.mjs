/** Measures what watching in the console takes, and prints it as JSON. Run by tests/bench_watching.py, never as a test. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch, openPage } from "./browser.mjs";
import { signIn, visit } from "./console.mjs";
import { serveBlankPage } from "./players.mjs";
import { outside } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, ROUNDS, CAMERAS, RECORDED } = process.env;
const cameras = CAMERAS.split(" ");
/** When the recorded media begins, and how long it lasts. */
const [recordedFrom, recordedMs] = RECORDED.split(" ").map(Number);
const WALL_SECONDS = 30;
/** Ticks of processor time in a second; Linux has one value for programs (man 5 proc). */
const TICKS_PER_SECOND = 100;

/** A process's parent, and the processor time of itself and of its children that have ended. */
function processOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  const ticks = fields.slice(11, 15).reduce((all, field) => all + Number(field), 0);
  return { parent: Number(fields[1]), seconds: ticks / TICKS_PER_SECOND };
}

/** Processor seconds of all below a process, itself not among them. */
function familySeconds(root) {
  const processes = new Map();
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      processes.set(Number(pid), processOf(pid));
    } catch {
      // It has ended.
    }
  }
  const isBelow = (pid) => {
    const parent = processes.get(pid)?.parent;
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return [...processes].filter(([pid]) => isBelow(pid)).reduce((all, [, { seconds }]) => all + seconds, 0);
}

const serverSeconds = async () => processOf(await outside("server_pid")).seconds;

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

/** Milliseconds from the pointer's coming to rest at a place of the timeline to the picture of it. */
async function preview(page, part) {
  const { x, y, width } = await page.getByRole("slider", { name: "Timeline" }).boundingBox();
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
  await page.mouse.move(x + width * part, y + 54);
  return seen;
}

/** Processor time of page and server while sixteen cameras play, for each second; and whether they did. */
async function wall(page) {
  const frames = () =>
    page.evaluate(() => [...document.querySelectorAll("video")].map((video) => video.getVideoPlaybackQuality().totalVideoFrames));
  await page.waitForFunction(
    (count) => [...document.querySelectorAll("video")].filter((video) => video.currentTime > 0 && video.readyState > 2).length === count,
    cameras.length,
    { timeout: 60_000 },
  );
  await page.waitForTimeout(5000);
  const serverBegan = await serverSeconds();
  const [before, pageBegan, began] = [await frames(), familySeconds(process.pid), performance.now()];
  await page.waitForTimeout(WALL_SECONDS * 1000);
  const lasted = (performance.now() - began) / 1000;
  const after = await frames();
  return {
    page: (familySeconds(process.pid) - pageBegan) / lasted,
    server: ((await serverSeconds()) - serverBegan) / lasted,
    framesPerSecond: after.map((count, at) => (count - before[at]) / lasted),
  };
}

async function plainWall(browser, blank) {
  const { context, page } = await openPage(browser, blank.origin);
  await page.goto(blank.origin);
  const script = "hls.js/dist/hls.min.js";
  const folder = createRequire(import.meta.url).resolve.paths(script).find((path) => path.endsWith("tests/browser/node_modules"));
  await page.addScriptTag({ path: `${folder}/${script}` });
  const sessions = [];
  for (const camera of cameras) sessions.push(await outside("live_session", camera));
  await page.evaluate((urls) => {
    document.body.innerHTML = "";
    document.body.style = "display: grid; grid-template-columns: repeat(4, 1fr); margin: 0";
    for (const address of urls) {
      const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, style: "width: 100%" });
      document.body.append(video);
      const hls = new window.Hls();
      hls.loadSource(address);
      hls.attachMedia(video);
    }
  }, sessions);
  const measured = await wall(page);
  await context.close();
  return measured;
}

const results = { cold: [], warm: [], first: [], recorded: [], live: [], ours: [], plain: [] };
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
  results.live.push(await firstPicture(page, `#/streams/${cameras[0]}`));
  await visit(page, "Streams");
  await firstPicture(page, at(0.5));
  await page.getByRole("button", { name: "Pause" }).click();
  // No decoder runs in a server that has just begun, and none of its media is in its memory.
  await outside("restart");
  results.cold.push(await preview(page, 0.4));
  for (let place = 0; place < 5; place += 1) results.warm.push(await preview(page, 0.42 + place / 50));
  await browser.close();
}

await outside("start_cameras");
const blank = await serveBlankPage();
for (const _ of [1, 2, 3]) {
  const browser = await launch();
  results.plain.push(await plainWall(browser, blank));
  const { page } = await openPage(browser, url);
  await signIn(page, { url, keyId, secret });
  await page.evaluate((names) => (location.hash = `#/wall?streams=${names}`), cameras.join(","));
  results.ours.push(await wall(page));
  await browser.close();
}
blank.close();
console.log(JSON.stringify(results));
