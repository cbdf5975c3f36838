/** From an empty server to video of a camera and back, as somebody does it who has only the console. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { assertAccessible, launch, openPage } from "./browser.mjs";
import { fact, goLive, inspect, shoot, signIn, visit, withoutSilence } from "./console.mjs";
import { decoded } from "./pictures.mjs";
import { eventually, outside, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, CAMERA_URI, HUB, CLIP } = process.env;

let browser;
let page;
let complaints;
const test = steps(() => page);

before(async () => {
  browser = await launch();
  ({ page, complaints } = await openPage(browser, url, { acceptDownloads: true }));
  await signIn(page, { url, keyId, secret });
});
after(() => browser.close());

const video = () => page.getByLabel("Video of gate");
const decodedFrames = () => video().evaluate((element) => element.getVideoPlaybackQuality().totalVideoFrames);

/** Frames that the browser has decoded go up, not only its events. */
async function watch(frames) {
  const begun = await eventually(decodedFrames, "the first frame is decoded", 60_000);
  await eventually(async () => (await decodedFrames()) >= begun + frames, `${frames} more frames are decoded`, 60_000);
  assert.equal(await video().evaluate((element) => element.error), null);
}

test("the camera's address becomes a secret that the console does not show again", async () => {
  await visit(page, "Secrets");
  await page.getByText("No secrets yet").waitFor();
  await page.getByRole("button", { name: "Create secret" }).click();
  const dialog = page.getByRole("dialog", { name: "Create secret" });
  await dialog.getByRole("textbox", { name: "Secret name" }).fill("gate-camera");
  await dialog.getByLabel("Camera address").fill("10.0.0.1");
  await dialog.getByText("Begin with rtsp://").waitFor();
  await assertAccessible(page, "the dialog of a secret");
  await dialog.getByLabel("Camera address").fill("rtsp://old/address");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByText("Secret gate-camera was created.").waitFor();
  await page.getByRole("radio", { name: "Select gate-camera" }).check();
  await page.getByRole("button", { name: "Set new value" }).click();
  const change = page.getByRole("dialog", { name: "New value for gate-camera" });
  assert.equal(await change.getByLabel("Camera address").inputValue(), "", "what it was is not told");
  await change.getByLabel("Camera address").fill(CAMERA_URI);
  await change.getByRole("button", { name: "Save" }).click();
  await page.getByText("Secret gate-camera has a new value.").waitFor();
  assert.ok(!(await page.content()).includes(CAMERA_URI));
  await inspect(page, "secrets");
});

test("a stream is created", async () => {
  await visit(page, "Streams");
  await page.getByRole("button", { name: "Create stream" }).click();
  const dialog = page.getByRole("dialog", { name: "Create stream" });
  await dialog.getByRole("textbox", { name: "Name", exact: true }).fill("gate");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("link", { name: "gate" }).click();
  await page.getByRole("heading", { name: "gate", exact: true }).waitFor();
  await page.getByText("No live video").waitFor();
});

test("a schedule is explained while it is typed", async () => {
  await page.getByRole("link", { name: "Edge configuration" }).click();
  await page.getByRole("heading", { name: "Edge configuration" }).waitFor();
  await page.getByRole("radio", { name: "On a schedule" }).first().check();
  const expression = page.getByRole("textbox", { name: "Recording schedule" });
  await expression.fill("0 0 25 * * ?");
  await page.getByText("25 is outside 0 to 23").waitFor();
  await expression.fill("0 0 9 30 2 ?");
  await page.getByText("It never fires from now on").waitFor();
  const start = page.getByRole("button", { name: "Start configuration" });
  assert.ok(await start.isDisabled(), "a job that never runs is not offered to be started");
  await inspect(page, "edge-never-fires");
  await expression.fill("0 30 7 ? * TUE,THU");
  await page.getByText("At 07:30, on Tuesday and Thursday, 1 h each.").waitFor();
  const fires = page.getByRole("list", { name: "Next fires of recording" }).getByRole("listitem");
  assert.equal(await fires.count(), 5);
  assert.ok(await start.isEnabled());
  for (const text of await fires.allTextContents()) assert.match(text, /(Tuesday|Thursday).* 07:30:00/);
  const week = page.getByRole("list", { name: "The week of recording" }).getByRole("listitem");
  const names = await week.evaluateAll((days) => days.map((day) => day.getAttribute("aria-label")));
  assert.equal(names.length, 7);
  assert.equal(names.filter((name) => name.endsWith(": 07:30 to 08:30")).length, 2, names.join("; "));
  await page.getByRole("button", { name: "Patterns" }).click();
  await page.getByRole("menuitem", { name: "Monday to Friday, 9 to 17" }).click();
  await page.getByText("Every hour from 09:00 to 16:00, Monday to Friday, 1 h each.").waitFor();
  await inspect(page, "edge-schedule");
});

test("the form says what is missing, then the hub takes the configuration", async () => {
  await page.getByRole("radio", { name: "Always" }).first().check();
  await page.getByRole("button", { name: "Start configuration" }).click();
  await page.getByText("Choose the secret that holds the camera's address.").waitFor();
  await page.getByRole("combobox", { name: "Hub" }).fill(HUB);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Secret with the camera's address" }).click();
  await page.getByRole("option", { name: "gate-camera" }).click();
  await page.getByRole("textbox", { name: "Size limit (MB)" }).fill("12");
  await page.getByText("64 to 2,000,000 MB").waitFor();
  await page.getByRole("textbox", { name: "Size limit (MB)" }).fill("200");
  await page.getByRole("button", { name: "Start configuration" }).click();
  await page.getByText("The configuration was saved and is on its way to the hub.").waitFor();
  await page.getByRole("status").filter({ hasText: "In sync" }).waitFor({ timeout: 60_000 });
  await inspect(page, "edge");
});

test("live video advances", async () => {
  await page.getByRole("link", { name: "gate", exact: true }).click();
  await watch(50);
  await page.getByRole("heading", { name: "Video Live", exact: true }).waitFor();
  await inspect(page, "stream");
});

test("the timeline shows what is there, and plays from where it is clicked", async () => {
  const timeline = page.getByRole("slider", { name: "Timeline" });
  // The camera's first minutes are not a sliver of an hour: they fill the view.
  const [from, until] = await Promise.all(
    ["aria-valuemin", "aria-valuemax"].map((end) => timeline.getAttribute(end).then(Number)),
  );
  assert.ok(until - from < 900_000, `${(until - from) / 1000} s are shown`);
  await page.getByRole("button", { name: "The timeline as a table" }).click();
  const table = page.getByRole("table", { name: "The timeline as a table" });
  const play = table.getByRole("button", { name: /^Play from/ }).last();
  await play.waitFor();
  await play.click();
  await page.getByText("Recorded", { exact: true }).waitFor();
  await watch(25);
  const at = () => timeline.getAttribute("aria-valuenow").then(Number);
  const before = await at();
  await timeline.press("ArrowRight");
  await eventually(async () => (await at()) > before, "a key moves the place that is played");
  await watch(10);
  // And by the pointer: some seconds ago, left of the present.
  await goLive(page);
  await watch(10);
  const box = await timeline.boundingBox();
  await timeline.click({ position: { x: box.width * 0.8, y: 50 } });
  await page.getByText("Recorded", { exact: true }).waitFor();
  await watch(10);
});

test("a range becomes a file", async () => {
  await page.getByRole("button", { name: "Start here" }).click();
  const timeline = page.getByRole("slider", { name: "Timeline" });
  const from = Number(await timeline.getAttribute("aria-valuenow"));
  await eventually(
    async () => Number(await timeline.getAttribute("aria-valuenow")) > from + 2500,
    "some seconds were played",
  );
  await page.getByRole("button", { name: "End here" }).click();
  const coming = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save video" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Save", exact: true }).click();
  const download = await coming;
  assert.match(download.suggestedFilename(), /^gate-.*\.mp4$/);
  await download.saveAs(CLIP);
  await dialog.getByText(/The browser has 1 file/).waitFor();
  await dialog.getByText(/^SHA-256 [0-9a-f]{64}$/).waitFor();
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
});

test("the range is looked at as a strip of images, and played from one of them", async () => {
  await page.getByRole("button", { name: "Show images" }).click();
  const strip = page.getByRole("list", { name: "Images" });
  const pictures = await decoded(strip.getByRole("img"), 5);
  for (const { width, height, colours } of pictures) {
    assert.equal(width, 320);
    assert.equal(height, 180);
    assert.ok(colours > 8, `${colours} colours`);
  }
  // The test picture moves.
  assert.ok(new Set(pictures.map(({ digest }) => digest)).size >= 5, JSON.stringify(pictures));
  await inspect(page, "stream-images");
  await goLive(page);
  await strip.getByRole("button").first().click();
  await page.getByText("Recorded", { exact: true }).waitFor();
  await watch(10);
});

test("the list of streams tells what is stored, with a picture of each", async () => {
  let asked = 0;
  page.on("request", (request) => (asked += Number(request.url().endsWith("/getImages"))));
  await visit(page, "Streams");
  await page.getByRole("row", { name: /gate.*In sync/ }).getByText(/(KB|MB)/).waitFor();
  const [picture] = await decoded(page.getByRole("img", { name: "Newest picture of gate" }), 1);
  assert.ok(picture.width === 192 && picture.colours > 8, JSON.stringify(picture));
  assert.equal(asked, 1, "one picture was asked for");
  await inspect(page, "streams");
});

test("the hub is online and records", async () => {
  await visit(page, "Hubs");
  await page.getByRole("row", { name: new RegExp(`${HUB}.*Online.*No trouble`) }).waitFor();
  await inspect(page, "hubs");
  await page.getByRole("link", { name: HUB, exact: true }).click();
  const gate = page.getByRole("row", { name: /gate.*In sync.*Recording/ });
  await gate.waitFor({ timeout: 60_000 });
  await gate.getByText(/ of 200 MB, full in \d+ (min|h|days?)/).waitFor();
  await inspect(page, "hub");
});

test("another hub is added: a key with the right policy and the commands", async () => {
  await visit(page, "Hubs");
  await page.getByRole("button", { name: "Add a hub" }).click();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("Give the hub a name.").waitFor();
  await page.getByRole("textbox", { name: "Hub name" }).fill("barn");
  await inspect(page, "add-hub-name");
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("button", { name: "The policy" }).click();
  await page.getByLabel("the policy", { exact: true }).getByText("thing/barn").waitFor();
  await page.getByRole("button", { name: "Create the key" }).click();
  await page.getByText("Type your secret access key first.").waitFor();
  await page.getByLabel("Your secret access key").fill(secret);
  await page.getByRole("button", { name: "Create the key" }).click();
  const shown = () => page.getByLabel("the commands", { exact: true }).textContent();
  assert.ok((await shown()).includes("systemctl enable --now vigie-agent"));
  await inspect(page, "add-hub-service");
  await page.getByRole("button", { name: "In a terminal" }).click();
  const commands = await shown();
  assert.match(commands, /aws_access_key_id = AKIA[A-Z2-7]{16}\n/);
  assert.ok(commands.includes(`--endpoint-url '${url}'`) && commands.includes(":thing/barn"));
  await page.getByText("Waiting for the hub's first call").waitFor();
  await inspect(page, "add-hub");
  await outside("type", commands);
  await page.getByText("The hub has called.").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByText("This hub has nothing to do yet").waitFor();
});

test("keys are made and revoked", async () => {
  await visit(page, "Access keys");
  await page.getByRole("button", { name: "Create access key" }).click();
  const dialog = page.getByRole("dialog", { name: /access key/ });
  await dialog.getByRole("textbox", { name: "Name" }).fill("visitor");
  await assertAccessible(page, "the dialog of a key");
  await dialog.getByLabel("Your secret access key").fill(secret);
  await dialog.getByRole("button", { name: "Create" }).click();
  const made = await dialog.getByLabel("the access key ID", { exact: true }).textContent();
  const madeSecret = await dialog.getByLabel("the secret access key", { exact: true }).textContent();
  await dialog.getByRole("button", { name: "Done" }).click();
  await page.getByRole("radio", { name: `Select ${made}` }).check();
  await inspect(page, "access-keys");

  // Who may look sees the video, and is told what else is not for them.
  const visitor = await openPage(browser, url);
  await signIn(visitor.page, { url, keyId: made, secret: madeSecret });
  await visitor.page.getByRole("link", { name: "gate", exact: true }).waitFor();
  await visitor.page.getByRole("button", { name: "Create stream" }).click();
  const create = visitor.page.getByRole("dialog", { name: "Create stream" });
  await create.getByRole("textbox", { name: "Name", exact: true }).fill("mine");
  await create.getByRole("button", { name: "Create" }).click();
  await create.getByText(/not authorized|may not/i).waitFor();
  await create.getByRole("button", { name: "Cancel" }).click();
  await visit(visitor.page, "Secrets");
  await visitor.page.getByText("Your access key may not do this").waitFor();
  await visitor.context.close();

  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  const revoke = page.getByRole("dialog", { name: `Revoke ${made}?` });
  await revoke.getByRole("button", { name: "Revoke" }).click();
  await page.getByText(`Access key ${made} was revoked.`).waitFor();
  await page.getByRole("row", { name: new RegExp(`${made}.*Revoked`) }).waitFor();
});

test("the audit log names what was done", async () => {
  await visit(page, "Audit");
  for (const action of ["CreateStream", "StartEdgeConfigurationUpdate", "CreateSecret", "RevokeAccessKey"]) {
    await page.getByRole("row", { name: new RegExp(`${action}.*Done`) }).first().waitFor();
  }
  await inspect(page, "audit");
});

test("the metrics move", async () => {
  await visit(page, "Metrics");
  await page.getByRole("table", { name: "Requests by operation" }).getByText("SyncEdgeAgent").first().waitFor();
  await page.getByText("Hubs connected").waitFor();
  // What came in since the server began, long before it looks at its disk again.
  await fact(page, "Media stored").getByText(/^[1-9][\d.]* (KB|MB)$/).waitFor();
  await page.getByRole("application", { name: "Received, bytes/s" }).first().waitFor();
  await inspect(page, "metrics");
});

test("live video goes on by itself when the server was away", async () => {
  await visit(page, "Streams");
  await page.getByRole("link", { name: "gate", exact: true }).click();
  await watch(10);
  await outside("stop");
  await page.getByText("The server does not answer").waitFor();
  await outside("start");
  const back = Date.now();
  await page.getByText("The server does not answer").waitFor({ state: "detached" });
  const timeline = page.getByRole("slider", { name: "Timeline" });
  await eventually(
    async () => Number(await timeline.getAttribute("aria-valuenow")) > back && !(await video().evaluate(({ paused }) => paused)),
    "what is played was recorded since",
    60_000,
  );
  await watch(10);
});

test("the schedule is edited and the hub takes it again", async () => {
  await page.goto(`${url}/console/#/streams/gate/edge`);
  await page.getByRole("radio", { name: "On a schedule" }).first().check();
  await page.getByRole("textbox", { name: "Recording schedule" }).fill("0 0 0-23 * * ?");
  await page.getByText("Every full hour, every day, 1 h each.").waitFor();
  await page.getByRole("radio", { name: "Hourly" }).check();
  await page.getByRole("button", { name: "Save configuration" }).click();
  await page.getByText("The configuration was saved and is on its way to the hub.").waitFor();
  await page.getByRole("status").filter({ hasText: "In sync" }).waitFor({ timeout: 60_000 });
  await page.reload();
  await page.getByRole("textbox", { name: "Recording schedule" }).waitFor();
  assert.equal(await page.getByRole("textbox", { name: "Recording schedule" }).inputValue(), "0 0 0-23 * * ?");
});

test("the configuration is deleted, then the stream", async () => {
  const asked = page.getByRole("dialog", { name: "Delete the edge configuration?" });
  await eventually(
    async () => {
      await page.getByRole("button", { name: "Delete configuration" }).click();
      const told = await asked.getByRole("status").filter({ hasText: "The hub" }).textContent();
      if (/holds .*of video \(.*\) that was never uploaded/.test(told)) return true;
      await asked.getByRole("button", { name: "Cancel" }).click();
      return false;
    },
    "the hub says what only it has",
    90_000,
  );
  await shoot(page, "delete-configuration");
  await asked.getByRole("textbox", { name: "To confirm, type gate" }).fill("gate");
  await assertAccessible(page, "the dialog before a deletion");
  await asked.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Start configuration" }).waitFor({ timeout: 60_000 });
  await page.goto(`${url}/console/#/streams/gate`);
  await page.getByRole("button", { name: "Actions" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete gate?" });
  await dialog.getByText("No hub records this stream.").waitFor();
  await shoot(page, "delete-stream");
  await dialog.getByRole("textbox", { name: "To confirm, type gate" }).fill("gate");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.getByText("No streams yet").waitFor();
  await page.goto(`${url}/console/#/audit`);
  await page.getByText("were never uploaded").first().waitFor({ timeout: 20_000 });
});

test("the pages complained about nothing and talked to nobody else", () => {
  assert.deepEqual(withoutSilence(complaints), []);
});
