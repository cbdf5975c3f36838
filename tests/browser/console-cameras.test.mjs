/** Cameras are added in one form: tried from the hub with a wrong password first, then with the right one; and by a list. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { inspect, signIn, visit } from "./console.mjs";
import { decoded } from "./pictures.mjs";
import { steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, ADDRESS, USER, PASSWORD, HUB, CLOSED } = process.env;

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

const field = (name) => page.getByLabel(name, { exact: true });
const button = (name) => page.getByRole("button", { name, exact: true });

test("the form says what is missing", async () => {
  await page.getByRole("link", { name: "Add the first camera" }).click();
  await page.getByRole("heading", { name: "Add a camera", level: 1 }).waitFor();
  assert.ok(await button("Add camera").isDisabled(), "nothing was seen to work");
  await field("Name").fill("front door");
  await page.getByText("Letters, digits, and _ . - only; 256 at most.").waitFor();
  await field("Name").fill("door-1");
  await field("Address").fill("http://camera");
  await page.getByText("rtsp:// for a camera").waitFor();
  await page.getByRole("combobox", { name: "Hub" }).fill(HUB);
  await page.keyboard.press("Escape");
});

test("a wrong password is told before anything is saved", async () => {
  await field("Address").fill(`${ADDRESS}/cam0`);
  await page.getByRole("textbox", { name: "User" }).fill(USER);
  await field("Password").fill("wrong");
  await button("Test camera").click();
  await page.getByRole("status").getByText(/refuses the user name or password/).waitFor();
  assert.ok(await button("Add camera").isDisabled());
  await inspect(page, "add-camera-refused");
});

test("the right one, with signs that addresses know otherwise, shows the first picture", async () => {
  await field("Password").fill(PASSWORD);
  await button("Test camera").click();
  const [picture] = await decoded(page.getByRole("img", { name: "First picture of the camera" }), 1);
  assert.ok(picture.colours > 8, JSON.stringify(picture));
  await inspect(page, "add-camera");
  await button("Add camera").click();
  await page.getByText("door-1 was added", { exact: true }).waitFor();
  assert.ok(!(await page.locator("body").innerText()).includes(PASSWORD), "the password is not shown");
});

test("the next one is like it: its name is the next, its login stays", async () => {
  assert.equal(await field("Name").inputValue(), "door-2");
  assert.equal(await page.getByRole("textbox", { name: "User" }).inputValue(), USER);
  await field("Address").fill(`${ADDRESS}/cam1`);
  assert.ok(await button("Add camera").isDisabled(), "this one was not tried yet");
  await button("Test camera").click();
  await page.getByRole("img", { name: "First picture of the camera" }).waitFor();
  await button("Add camera").click();
  await page.getByText("door-2 was added", { exact: true }).waitFor();
});

test("many are added by a list, and one that does not work is not", async () => {
  await button("Many cameras by a list").click();
  const lines = [`yard-1,${ADDRESS}/cam2,${USER},${PASSWORD}`, `yard-2,127.0.0.1:${CLOSED}/none,,`, `door-1,${ADDRESS}/cam0,,`];
  await page.getByRole("textbox", { name: "Cameras" }).fill(["name,address,user,password", ...lines].join("\n"));
  const row = (name) => page.getByRole("table", { name: "Cameras of the list" }).getByRole("row", { name });
  await row(/door-1.*There is a stream of this name/).waitFor();
  await button("Add 2 cameras").click();
  await row(/yard-1.*The camera can be recorded/).waitFor();
  await row(/yard-2.*Not added:.*refuses connections/).waitFor();
  await inspect(page, "add-cameras");
});

test("what was added is recorded and can be watched", async () => {
  await visit(page, "Streams");
  for (const name of ["door-1", "door-2", "yard-1"]) {
    await page.getByRole("row", { name: new RegExp(`${name}.*None.*In sync`) }).waitFor({ timeout: 60_000 });
  }
  assert.equal(await page.getByRole("link", { name: "yard-2", exact: true }).count(), 0);
  await page.getByRole("link", { name: "door-1", exact: true }).click();
  await page.getByRole("heading", { name: "Video Live", exact: true }).waitFor({ timeout: 60_000 });
});

test("the pages complained about nothing and talked to nobody else", () => {
  assert.deepEqual(complaints, []);
});
