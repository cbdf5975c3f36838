/** A session from one end to the other: a server that goes and comes, a key that is revoked, moments in two zones. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { fact, signIn, visit, withoutSilence } from "./console.mjs";
import { eventually, outside, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, GUEST_ID, GUEST_SECRET, EVENTS } = process.env;

let browser;
let page;
let complaints;
const test = steps(() => page);

before(async () => {
  browser = await launch();
  ({ page, complaints } = await openPage(browser, url));
  await signIn(page, { url, keyId: GUEST_ID, secret: GUEST_SECRET });
});
after(() => browser.close());

test("moments are the viewer's, and in UTC when they are pointed at", async () => {
  await page.getByRole("link", { name: "gate", exact: true }).click();
  const created = fact(page, "Created").getByRole("time");
  const at = new Date(await created.getAttribute("datetime"));
  assert.ok(Math.abs(Date.now() - at.getTime()) < 600_000);
  const paris = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium", timeZone: "Europe/Paris" });
  assert.equal(await created.textContent(), paris.format(at));
  assert.equal(await created.getAttribute("title"), at.toISOString().replace("T", " ").replace("Z", " UTC"));
});

test("the audit log is read page by page to its beginning", async () => {
  await visit(page, "Audit");
  const rows = page.getByRole("table", { name: "Audit" }).getByRole("row");
  await eventually(async () => (await rows.count()) === 101, "a hundred events and their heading");
  assert.equal(await page.getByRole("row", { name: /CreateStream/ }).count(), 0);
  await page.getByRole("button", { name: "Load older events" }).click();
  await page.getByRole("row", { name: /CreateStream.*Done/ }).waitFor();
  assert.ok((await rows.count()) > Number(EVENTS));
  assert.equal(await page.getByRole("button", { name: "Load older events" }).count(), 0, "that was all");
});

test("a server that does not answer is said to, what was seen stays, and it goes on by itself", async () => {
  await visit(page, "Streams");
  await page.getByRole("link", { name: "gate", exact: true }).waitFor();
  await outside("stop");
  await page.getByText("The server does not answer").waitFor();
  assert.ok(await page.getByRole("link", { name: "gate", exact: true }).isVisible());
  await page.getByRole("button", { name: "Create stream" }).click();
  const dialog = page.getByRole("dialog", { name: "Create stream" });
  await dialog.getByRole("textbox", { name: "Name", exact: true }).fill("barn");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("The server cannot be reached. Is it running?").waitFor();
  await outside("start");
  await page.getByText("The server does not answer").waitFor({ state: "detached" });
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("link", { name: "barn", exact: true }).waitFor();
});

test("a key that is revoked ends its sessions, and the next one begins where that ended", async () => {
  await visit(page, "Hubs");
  await page.getByText("No hubs yet").waitFor();
  await outside("revoke");
  await page.getByText("Your session has ended. Sign in again.").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await page.getByRole("textbox", { name: "Access key ID" }).fill(keyId);
  await page.getByLabel("Secret access key").fill(secret);
  await page.keyboard.press("Enter");
  await page.getByText("No hubs yet").waitFor();
});

test("the pages complained of nothing but the silence", () => {
  assert.deepEqual(withoutSilence(complaints), []);
});
