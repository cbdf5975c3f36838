/** People: an administrator makes a guard who may see two streams; the guard signs in, looks, and is signed out. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { assertAccessible, launch, openPage } from "./browser.mjs";
import { inspect, shoot, signInByPassword, visit } from "./console.mjs";
import { eventually, steps } from "./steps.mjs";

const { VIGIE_URL: url, BOSS_PASSWORD } = process.env;
const boss = { url, name: "boss", password: BOSS_PASSWORD };
const guard = { url, name: "guard", password: "correct horse" };
const NEW_PASSWORD = "another horse";

let browser;
let office;
let lodge;
const test = steps(() => lodge.page);

before(async () => {
  browser = await launch();
  office = await openPage(browser, url);
  lodge = await openPage(browser, url);
});
after(() => browser.close());

test("a wrong password is refused in words", async () => {
  await signInByPassword(office.page, { ...boss, password: "wrong password" });
  await office.page.getByText("The name or the password is wrong, or the user is disabled.").waitFor();
  // The browser says of the answer what the page says in words.
  assert.equal(office.complaints.filter((it) => !/403/.test(it)).length, 0);
  office.complaints.length = 0;
});

test("an administrator makes a guard of two streams", async () => {
  const { page } = office;
  await signInByPassword(page, boss);
  await page.getByRole("link", { name: "vault", exact: true }).waitFor();
  await visit(page, "Users");
  await page.getByRole("row", { name: /boss.*You.*Administrator.*All/ }).waitFor();
  await page.getByRole("button", { name: "Create user" }).click();
  const dialog = page.getByRole("dialog", { name: "Create user" });
  const create = dialog.getByRole("button", { name: "Create" });
  assert.ok(await create.isDisabled(), "whoever hands out rights shows who it is");
  await dialog.getByRole("textbox", { name: "Name", exact: true }).fill("gu ard");
  await dialog.getByText("Letters, digits").waitFor();
  await dialog.getByRole("textbox", { name: "Name", exact: true }).fill(guard.name);
  await dialog.getByLabel("Password", { exact: true }).fill(guard.password);
  await dialog.getByRole("radio", { name: "Some streams, by name" }).check();
  await dialog.getByRole("textbox", { name: "Names of streams" }).fill("gate, dock-*");
  await dialog.getByLabel("Your password").fill("wrong password");
  await create.click();
  await dialog.getByText("CurrentPassword is wrong").waitFor();
  await dialog.getByLabel("Your password").fill(boss.password);
  await assertAccessible(page, "the dialog of a user");
  await shoot(page, "user-dialog");
  await create.click();
  await page.getByRole("row", { name: /guard.*Viewer.*gate, dock-\*.*Enabled/ }).waitFor();
  await inspect(page, "users");
});

test("the guard sees two streams, and nothing that it may not do", async () => {
  const { page } = lodge;
  await signInByPassword(page, guard);
  await page.getByRole("link", { name: "gate", exact: true }).waitFor();
  await page.getByRole("link", { name: "dock-1", exact: true }).waitFor();
  assert.equal(await page.getByRole("link", { name: "vault", exact: true }).count(), 0);
  for (const name of ["Create stream", "Add a camera"]) {
    assert.equal(await page.getByRole("button", { name }).count(), 0, name);
    assert.equal(await page.getByRole("link", { name }).count(), 0, name);
  }
  for (const name of ["Users", "Access keys", "Secrets", "Audit"]) {
    assert.equal(await page.getByRole("navigation").getByRole("link", { name, exact: true }).count(), 0, name);
  }
  await inspect(page, "streams-guard");
});

test("the guard watches what it sees, and hubs tell of its streams alone", async () => {
  const { page } = lodge;
  await page.getByRole("link", { name: "gate", exact: true }).click();
  await page.getByRole("heading", { name: "Details" }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Edge configuration" }).count(), 0);
  await eventually(
    () => page.evaluate(() => (document.querySelector("video")?.videoWidth ?? 0) > 0),
    "the guard has a picture",
  );
  await visit(page, "Wall");
  await page.getByRole("button", { name: /^Cameras/ }).click();
  await page.getByRole("option", { name: "gate", exact: true }).waitFor();
  assert.deepEqual(await page.getByRole("option").allTextContents(), ["dock-1", "gate"]);
  await page.getByRole("option", { name: "gate", exact: true }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("list", { name: "Wall" }).getByRole("listitem", { name: "gate", exact: true }).waitFor();
  await visit(page, "Hubs");
  await page.getByRole("link", { name: "hub", exact: true }).click();
  const cameras = page.getByRole("table").filter({ hasText: "gate" });
  await cameras.getByRole("link", { name: "gate", exact: true }).waitFor();
  assert.equal(await page.getByText("vault").count(), 0);
});

test("what lies outside is refused with words, whether it is there or not", async () => {
  const { page } = lodge;
  for (const name of ["vault", "nowhere"]) {
    await page.goto(`${url}/console/#/streams/${name}`);
    await page.getByText(/not authorized to perform/).first().waitFor();
  }
  lodge.complaints.length = 0;
});

test("the guard changes its password and stays signed in", async () => {
  const { page } = lodge;
  await page.getByRole("button", { name: "Signed in as guard" }).click();
  await page.getByRole("menuitem", { name: "Change password" }).click();
  await page.getByLabel("Current password").fill(guard.password);
  await page.getByLabel("New password", { exact: true }).fill(NEW_PASSWORD);
  await page.getByLabel("New password again").fill(NEW_PASSWORD);
  await inspect(page, "change-password");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("You have another password.").waitFor();
  await page.getByRole("link", { name: "gate", exact: true }).waitFor();
});

test("an administrator signs the guard out, and it signs in again with what it chose", async () => {
  await office.page.getByRole("radio", { name: "Select guard" }).check();
  await office.page.getByRole("button", { name: "Actions" }).click();
  await office.page.getByRole("menuitem", { name: "Sign out" }).click();
  await office.page.getByRole("dialog", { name: "Sign guard out?" }).getByRole("button", { name: "Sign out" }).click();
  await office.page.getByText("guard was signed out everywhere.").waitFor();
  const { page } = lodge;
  await page.getByText("Your session has ended. Sign in again.").waitFor();
  await signInByPassword(page, { ...guard, password: NEW_PASSWORD });
  await page.getByRole("link", { name: "gate", exact: true }).waitFor();
});

test("the audit log says who watched", async () => {
  await visit(office.page, "Audit");
  await office.page.getByRole("row", { name: /GetHLSStreamingSessionURL.*/ }).filter({ hasText: "user/guard" }).first().waitFor();
  assert.deepEqual(office.complaints, []);
});
