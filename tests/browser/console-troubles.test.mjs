/** What an operator has to notice: in the audit log, of the hubs, and of the server's clock. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launch, openPage } from "./browser.mjs";
import { fact, inspect, signIn, visit } from "./console.mjs";
import { steps } from "./steps.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, BACKUP, REFUSAL } = process.env;

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

test("the audit log says what was erased, who was not known, and what was done at the machine", async () => {
  await visit(page, "Audit");
  const row = (name) => page.getByRole("row", { name }).first();
  await row(/EraseMedia.*stream\/gone.*Done.*[1-9]\d* fragments?, [\d.]+ (KB|MB) erased.*The server/).waitFor();
  const refused = row(/DescribeStream.*(UnrecognizedClient|InvalidSignature).*Nobody known/);
  await refused.waitFor();
  assert.doesNotMatch(await refused.innerText(), /at the machine/);
  const backup = row(/Backup.*Done.*uid\/\d+.*at the machine/);
  assert.ok((await backup.innerText()).includes(BACKUP));
  await row(/CreateRootKey.*access-key\/.*The first start/).waitFor();
  const signedIn = row(/GetSessionToken.*access-key\/ASIA.*Done.*root.*127\.0\.0\.1:/);
  await signedIn.waitFor();
  assert.match(await signedIn.getByText("GetSessionToken").getAttribute("title"), /^Request [\da-f-]{36}$/);
  await inspect(page, "audit-troubles");
  await page.getByRole("searchbox", { name: "Find events" }).fill(BACKUP);
  await page.getByRole("row", { name: /EraseMedia/ }).waitFor({ state: "detached" });
  assert.ok(await backup.isVisible());
});

test("a hub's page says that its clock is wrong, that two agents call, and that nothing goes by age", async () => {
  await visit(page, "Hubs");
  const row = page.getByRole("row", { name: /^barn (?!\()/ });
  await row.getByText("Two agents").waitFor();
  await row.getByText("6 s ahead").waitFor();
  await row.getByText("1 in trouble").waitFor();
  await inspect(page, "hubs-troubles");
  await page.getByRole("link", { name: "barn", exact: true }).click();
  await page.getByText("Two agents call as this hub", { exact: true }).waitFor();
  await page.getByText("This hub's clock is wrong, or the server's is").waitFor();
  await page.getByText("This hub deletes nothing by age now").waitFor();
  await page.getByText(/goes in (1 h|5\d min( \d+ s)?); limits of size stay/).waitFor();
});

test("hubs of equal name are told apart, and each has its own page", async () => {
  await visit(page, "Hubs");
  await page.getByRole("link", { name: "barn (eu-west-1)", exact: true }).click();
  await page.getByRole("heading", { name: "barn (eu-west-1)", level: 1 }).waitFor();
  await page.getByRole("row", { name: /^far/ }).waitFor();
  assert.equal(await page.getByText("Two agents call as this hub", { exact: true }).count(), 0);
  await visit(page, "Hubs");
  await page.getByRole("link", { name: "barn", exact: true }).click();
});

test("a configuration that its hub does not work by any more is not green anywhere", async () => {
  const row = page.getByRole("row", { name: /gate/ });
  await row.getByText("Failed", { exact: true }).waitFor();
  await row.getByText(REFUSAL).waitFor();
  assert.doesNotMatch(await row.innerText(), /In sync|Recording\b/);
  await inspect(page, "hub-troubles");
  await page.getByRole("link", { name: "gate" }).click();
  await fact(page, "Edge configuration").getByText("Failed", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Edge configuration", exact: true }).click();
  await page.getByText(REFUSAL).first().waitFor();
});

test("the metrics page says for how long nothing is deleted by age", async () => {
  await page.route("**/metrics", async (route) => {
    const text = await (await route.fetch()).text();
    await route.fulfill({ body: text.replace(/^(vigie_server_age_hold_seconds_left) 0$/m, "$1 3540") });
  });
  await visit(page, "Metrics");
  await page.getByText("Nothing is deleted by age now").waitFor();
  await page.getByText("goes in 59 min; limits of size stay in force", { exact: false }).waitFor();
  await fact(page, "Media lying aside").getByText("0 B").waitFor();
  await inspect(page, "metrics-troubles");
});

test("a hub that is gone is forgotten, and one that calls cannot be", async () => {
  await visit(page, "Hubs");
  const gone = page.getByRole("row", { name: /^attic.*Offline/ });
  await gone.waitFor();
  await page.getByRole("link", { name: "barn", exact: true }).click();
  await page.getByRole("heading", { name: "barn", level: 1 }).waitFor();
  await page.getByText("Two agents call as this hub", { exact: true }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Forget" }).count(), 0);
  await visit(page, "Hubs");
  await page.getByRole("link", { name: "attic", exact: true }).click();
  await page.getByText("This hub does not call", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Forget" }).waitFor();
  await inspect(page, "hub-gone");
  await page.getByRole("button", { name: "Forget" }).click();
  const dialog = page.getByRole("dialog", { name: "Forget attic?" });
  await dialog.getByRole("button", { name: "Forget" }).click();
  await page.getByText("The hub attic is forgotten.").waitFor();
  await page.getByRole("row", { name: /^barn/ }).first().waitFor();
  await gone.waitFor({ state: "detached" });
});

test("the page complained about nothing", () => {
  assert.deepEqual(complaints, []);
});
