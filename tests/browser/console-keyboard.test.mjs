/** The console without a mouse. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { eventually, steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret } = process.env;
/** More stops than any page has before what somebody looks for. */
const TABS_MAX = 60;

let browser;
let page;
let complaints;
const test = steps(() => page);

before(async () => {
  browser = await launch();
  ({ page, complaints } = await openPage(browser, url));
});
after(() => browser.close());

const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
const isFocused = (locator) => locator.evaluate((element) => element === document.activeElement);

/** Goes on by Tab until something has the focus, which then can be seen. */
async function tabTo(locator) {
  await locator.waitFor();
  for (let tabs = 0; !(await isFocused(locator)); tabs += 1) {
    assert.ok(tabs < TABS_MAX, `not within ${TABS_MAX} tabs: ${locator}`);
    await page.keyboard.press("Tab");
  }
  assert.ok(await locator.evaluate((element) => element.matches(":focus-visible")), `${locator} shows its focus`);
}

test("one signs in without leaving the keys", async () => {
  await page.goto(`${url}/console/`);
  await eventually(() => isFocused(page.getByRole("textbox", { name: "Name" })), "the first field has the focus");
  await tabTo(page.getByRole("button", { name: "Use an access key" }));
  await press("Enter");
  await eventually(() => isFocused(page.getByRole("textbox", { name: "Access key ID" })), "the first field has the focus");
  await page.keyboard.type(keyId);
  await press("Tab");
  await page.keyboard.type(secret);
  await press("Enter");
  await page.getByRole("heading", { name: /^Streams/ }).waitFor();
});

test("a dialog takes the focus, keeps it, and gives it back", async () => {
  const button = page.getByRole("button", { name: "Create stream" });
  await tabTo(button);
  await press("Enter");
  const dialog = page.getByRole("dialog", { name: "Create stream" });
  await dialog.waitFor();
  for (let tabs = 0; tabs < 12; tabs += 1) {
    await press("Tab");
    assert.ok(await dialog.evaluate((element) => element.contains(document.activeElement)), "the focus stays in the dialog");
  }
  await press("Escape");
  await dialog.waitFor({ state: "detached" });
  await eventually(() => isFocused(button), "the focus is back where it was");
  await press("Enter");
  await tabTo(dialog.getByRole("textbox", { name: "Name", exact: true }));
  await page.keyboard.type("gate");
  await tabTo(dialog.getByRole("button", { name: "Create" }));
  await press("Enter");
  await page.getByRole("link", { name: "gate", exact: true }).waitFor();
});

test("a row is chosen and acted on", async () => {
  await tabTo(page.getByRole("radio", { name: "Select gate" }));
  await press("Space");
  // Back over the table to what is above it.
  await page.getByRole("radio", { name: "Select gate", checked: true }).waitFor();
  const actions = page.getByRole("button", { name: "Actions" });
  for (let tabs = 0; !(await isFocused(actions)); tabs += 1) {
    assert.ok(tabs < TABS_MAX);
    await press("Shift+Tab");
  }
  await press("Enter");
  await page.getByRole("menuitem", { name: "Open" }).waitFor();
  await press("ArrowDown", "Enter");
  await page.getByRole("heading", { name: "Edge configuration" }).waitFor();
});

test("a schedule is chosen from the patterns and read out", async () => {
  await tabTo(page.getByRole("radio", { name: "Always" }).first());
  await press("ArrowDown");
  await tabTo(page.getByRole("button", { name: "Patterns" }));
  await press("Enter");
  await page.getByRole("menuitem", { name: "Monday to Friday, 9 to 17" }).waitFor();
  const chosen = page.getByRole("menuitem", { name: "Monday to Friday, 9 to 17" });
  for (let steps = 0; !(await isFocused(chosen)); steps += 1) {
    assert.ok(steps < 10);
    await press("ArrowDown");
  }
  await press("Enter");
  await page.getByRole("status").filter({ hasText: "Every hour from 09:00 to 16:00, Monday to Friday, 1 h each." }).waitFor();
  const days = page.getByRole("list", { name: "The week of recording" }).getByRole("listitem");
  assert.equal(await days.and(page.getByLabel(/: 09:00 to 17:00$/)).count(), 5);
});

test("every page is reached from the navigation, and tells its name", async () => {
  for (const name of ["Hubs", "Access keys", "Secrets", "Audit", "Metrics", "Streams"]) {
    await tabTo(page.getByRole("navigation").getByRole("link", { name, exact: true }).first());
    await press("Enter");
    await page.getByRole("heading", { name: new RegExp(`^${name}`), level: 1 }).waitFor();
    await eventually(async () => (await page.title()) === `${name} – Vigie`, `the title names ${name}`);
  }
});

test("the timeline is a slider that says where it is and which keys move it", async () => {
  await tabTo(page.getByRole("link", { name: "gate", exact: true }));
  await press("Enter");
  const timeline = page.getByRole("slider", { name: "Timeline" });
  await tabTo(timeline);
  assert.match(await timeline.getAttribute("aria-valuetext"), /nothing known$/);
  const described = await timeline.evaluate((element) =>
    document.getElementById(element.getAttribute("aria-describedby")).textContent,
  );
  assert.match(described, /arrow keys/i);
  const length = async () => (await timeline.getAttribute("aria-valuemax")) - (await timeline.getAttribute("aria-valuemin"));
  const before = await length();
  await press("-");
  await eventually(async () => (await length()) > before * 1.9, "it shows twice the time");
});

test("the pages complained about nothing", () => {
  assert.deepEqual(complaints, []);
});
