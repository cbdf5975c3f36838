/** What the timeline draws and says: media on the server, on the hub only, gaps with their reasons, losses. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { goLive, inspect, signIn, visit } from "./console.mjs";
import { eventually, outside, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, FAILED_BECAUSE } = process.env;

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

const timeline = () => page.getByRole("slider", { name: "Timeline" });
/** Above it lie the hours; the losses have a strip of their own below the media. */
const MEDIA_Y = 54;
const LOSSES_Y = 90;

async function open(stream) {
  await visit(page, "Streams");
  await page.getByRole("link", { name: stream, exact: true }).click();
  await page.getByRole("heading", { name: stream, exact: true }).waitFor();
  await page.getByRole("button", { name: "The timeline as a table" }).click();
}

/** The entries of the table whose first cell says `what`, as spans of time. */
async function entries(what) {
  const rows = page
    .getByRole("table", { name: "The timeline as a table" })
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader", { name: what }) });
  await rows.first().waitFor();
  return rows.evaluateAll((found) =>
    found.map((row) => {
      const [from, until] = [...row.querySelectorAll("time")].map((time) => Date.parse(time.dateTime));
      return { from, until };
    }),
  );
}

/** The part of time that is shown. */
async function view() {
  return Promise.all(["aria-valuemin", "aria-valuemax"].map((end) => timeline().getAttribute(end).then(Number)));
}

async function length() {
  const [from, until] = await view();
  return until - from;
}

/** Where a moment lies on the timeline, in pixels from its left. */
async function xOf(at) {
  const [from, until] = await view();
  const { width } = await timeline().boundingBox();
  return ((at - from) / (until - from)) * width;
}

/** The colour that is really painted, by a picture of it. */
async function colourAt(locator, x, y) {
  const picture = (await locator.screenshot({ animations: "disabled" })).toString("base64");
  return page.evaluate(
    async ([data, left, top]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      return [...context.getImageData(left, top, 1, 1).data].join(" ");
    },
    [picture, Math.round(x), y],
  );
}

/** What the legend paints beside its words. */
async function colourOf(legend) {
  const entry = page.getByRole("list", { name: "Legend" }).getByRole("listitem").filter({ hasText: legend });
  return colourAt(entry, 6, 10);
}

/** The entries of the table are painted as the legend has it, and say so when they are pointed at. */
async function assertDrawn(what, legend, y = MEDIA_Y) {
  const wanted = await colourOf(legend);
  await eventually(async () => {
    // Between two looks the present moves on, and the view with it.
    const longest = (await entries(what)).sort((a, b) => b.until - b.from - (a.until - a.from))[0];
    const x = await xOf((longest.from + longest.until) / 2);
    if ((await colourAt(timeline(), x, y)) !== wanted) return false;
    await timeline().hover({ position: { x, y: MEDIA_Y } });
    return page.getByText(what).last().isVisible();
  }, `${what} is painted like the legend's ${legend}`);
  await page.mouse.move(0, 0);
}

test("what was uploaded is on the server, and a camera that was away left a gap with its reason", async () => {
  await open("porch");
  assert.ok((await entries("On the server")).length >= 2, "media before and behind the gap");
  const [gap] = await entries("The camera gave no video");
  assert.ok(gap.until - gap.from > 5000, `${gap.until - gap.from} ms`);
  await assertDrawn("On the server", "On the server");
  await assertDrawn("The camera gave no video", "Gap");
  await inspect(page, "stream-gap");
});

test("the gap is gone to from the present, with what led to it, and there is none after it", async () => {
  const [gap] = await entries("The camera gave no video");
  await page.getByRole("heading", { name: "Video Live", exact: true }).waitFor();
  await page.getByRole("button", { name: "Gap before" }).click();
  await page.getByRole("heading", { name: "Video Recorded", exact: true }).waitFor();
  const at = () => timeline().getAttribute("aria-valuenow").then(Number);
  await eventually(async () => Math.abs((await at()) - gap.from) < 8000, "what led to the gap is played");
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Gap after" }).click();
  await page.getByText("There is no gap after this.").waitFor();
  await goLive(page);
});

test("it is zoomed by the wheel, dragged, and a range is marked on it", async () => {
  const drag = async (from, to) => {
    const { x, y } = await timeline().boundingBox();
    await page.mouse.move(x + from, y + MEDIA_Y);
    await page.mouse.down();
    await page.mouse.move(x + (from + to) / 2, y + MEDIA_Y);
    await page.mouse.move(x + to, y + MEDIA_Y);
    await page.mouse.up();
  };
  const [, end] = await view();
  const { width } = await timeline().boundingBox();
  await timeline().hover({ position: { x: width / 2, y: MEDIA_Y } });
  await page.mouse.wheel(0, 300);
  const zoomed = await eventually(async () => {
    const [from, until] = await view();
    return until - from > 180_000 && [from, until];
  }, "more time is seen");
  await drag(200, 500);
  const dragged = await eventually(async () => {
    const [from, until] = await view();
    return until < end && [from, until];
  }, "an earlier time is seen");
  const by = ((zoomed[1] - dragged[1]) / (dragged[1] - dragged[0])) * width;
  assert.ok(Math.abs(by - 300) < 20, `moved by ${by} pixels`);
  await page.getByRole("button", { name: "Select a range" }).click();
  await drag(300, 400);
  await page.getByRole("status").filter({ hasText: /^From .* to .*, \d+ s$/ }).waitFor();
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByRole("button", { name: "Select a range" }).click();
  await goLive(page);
});

test("what is on the hub only and what was lost are told apart, with how much it was", async () => {
  await open("yard");
  await entries("Still on the hub only");
  const losses = await entries(/^Lost, [\d.]+ MB: deleted on the hub to keep the size limit$/);
  assert.ok(losses.every(({ from, until }) => until > from));
  await assertDrawn("Still on the hub only", "On the hub only");
  await assertDrawn(/^Lost, /, "Lost before it was uploaded", LOSSES_Y);
  await assertDrawn("The camera gave no video", "Gap");
  assert.equal(await page.getByRole("button", { name: /^Play from/ }).count(), 0, "the server has nothing to play");
  await inspect(page, "stream-losses");
});

test("where a schedule is closed nothing is missing", async () => {
  await open("night");
  await entries("The schedule was closed");
  await assertDrawn("The schedule was closed", "Not to be recorded");
});

test("the first media of a stream fills the timeline as it comes", async () => {
  await open("late");
  assert.ok((await length()) > 3_600_000, "an hour, as nothing is known");
  await outside("record");
  await eventually(async () => (await length()) < 300_000, "what there is can be seen");
  await entries("On the server");
});

test("the timeline is used by keyboard alone, and says what is where it stands", async () => {
  await open("porch");
  await timeline().focus();
  const before = await length();
  await page.keyboard.press("-");
  await eventually(async () => (await length()) > before * 1.5, "it shows more time");
  await page.keyboard.press("+");
  await eventually(async () => (await length()) < before * 1.5, "it shows less time");
  await page.keyboard.press("Home");
  // By how long the test has taken, there is media at the beginning of what is shown or none for a minute.
  await page.getByText("Recorded", { exact: true }).or(page.getByText("No video here")).first().waitFor();
  assert.match(await timeline().getAttribute("aria-valuetext"), /\d\d:\d\d:\d\d, (nothing known|On the server|The camera)/);
  await page.keyboard.press("End");
  await page.getByRole("heading", { name: "Video Live", exact: true }).waitFor();
});

test("who changes their mind before recorded media has begun to load sees live video again", async () => {
  const video = page.getByLabel("Video of porch");
  const frames = () => video.evaluate((element) => element.getVideoPlaybackQuality().totalVideoFrames);
  await eventually(async () => (await frames()) > 25, "live video plays");
  await video.evaluate((element) => {
    const live = [...document.querySelectorAll("button")].find((button) => button.textContent === "Live");
    const { set } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "src");
    Object.defineProperty(element, "src", {
      configurable: true,
      set(source) {
        set.call(element, source);
        // While live video is shown there is no mind to change.
        if (live.disabled) return;
        delete element.src;
        element.dataset.changedMind = "yes";
        // The browser begins to load it after this.
        queueMicrotask(() => live.click());
      },
    });
  });
  await timeline().focus();
  await page.keyboard.press("Home");
  // Not for "Recorded" to be seen, which lasts as long as the server takes to answer.
  await page.locator("video[data-changed-mind]").waitFor();
  await page.getByRole("heading", { name: "Video Live", exact: true }).waitFor();
  await eventually(async () => (await frames()) > 25, "it plays again");
});

test("the hub's page has its losses, its disk against the cap and how long the rest lasts", async () => {
  await visit(page, "Hubs");
  await page.getByRole("row", { name: /^hub.*Online.*1 in trouble/ }).waitFor();
  await page.getByRole("link", { name: "hub", exact: true }).click();
  const yard = page.getByRole("row", { name: /^yard/ });
  await yard.getByText(/^\d+ fragments?, [\d.]+ MB$/).waitFor();
  await yard.getByText("The camera gave no video").waitFor();
  await yard.getByText(/of 64\.0 MB/).waitFor();
  await yard.getByText(/^\d+ (s|min).*, [\d.]+ MB$/).waitFor();
  await page.getByRole("row", { name: /^porch.*Recording/ }).waitFor();
  await page.getByRole("row", { name: /^night.*The schedule was closed/ }).waitFor();
  await inspect(page, "hub-losses");
});

test("a failed sync says why and what to do, and saving again starts anew", async () => {
  await visit(page, "Streams");
  await page.getByRole("row", { name: /attic.*Failed/ }).waitFor();
  // Configured well, and its camera gone: both are said.
  await page.getByRole("row", { name: /yard.*The camera is not recorded.*In sync/ }).waitFor();
  const names = () => page.getByRole("table", { name: "Streams" }).getByRole("rowheader").allInnerTexts();
  await eventually(async () => {
    const [first, second, third] = await names();
    return [first, second].sort().join() === "attic,yard" && !["attic", "yard"].includes(third);
  }, "trouble comes first");
  await page.getByText("In trouble (2)").click();
  await eventually(async () => (await names()).length === 2, "the others are left out");
  await page.getByRole("searchbox", { name: "Find streams" }).fill("camera is not recorded");
  await eventually(async () => (await names()).join() === "yard", "a trouble is searched by its words");
  await page.getByRole("searchbox", { name: "Find streams" }).fill("");
  await page.getByText("In trouble (2)").click();
  await page.getByRole("link", { name: "attic", exact: true }).click();
  await page.getByRole("link", { name: "Edge configuration" }).click();
  await page.getByRole("status").filter({ hasText: "Failed" }).waitFor();
  await page.getByText(FAILED_BECAUSE).waitFor();
  await page.getByText("Correct what the message says, then save the configuration again.").waitFor();
  await inspect(page, "edge-failed");
  await page.getByRole("button", { name: "Save configuration" }).click();
  await page.getByRole("status").filter({ hasText: "Waiting for the hub" }).waitFor();
  await page.getByText("After 15 minutes this counts as failed.").waitFor();
});

test("the pages complained about nothing and talked to nobody else", () => {
  assert.deepEqual(complaints, []);
});
