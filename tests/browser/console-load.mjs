/** Measures how soon the console is there, and prints it as JSON. Run by tests/bench_console.py, never as a test. */
import { launch, openPage } from "./browser.mjs";
import { useKey } from "./console.mjs";

const { VIGIE_URL: url, KEY_ID: keyId, KEY_SECRET: secret, ROUNDS } = process.env;

/** Milliseconds since the page was asked for, once somebody can type; and what has come over the wire by then. */
async function signInForm(page) {
  const waiting = page.waitForFunction(() => {
    const field = document.activeElement;
    return field instanceof HTMLInputElement && !field.disabled && performance.now();
  });
  return { ms: await (await waiting).jsonValue(), ...(await come(page)) };
}

/** The same, once the table of streams has its rows. */
async function streams(page, since = 0) {
  const waiting = page.waitForFunction(
    () => document.querySelectorAll("table tbody tr th[scope=row]").length > 0 && performance.now(),
  );
  return { ms: (await (await waiting).jsonValue()) - since, ...(await come(page)) };
}

function come(page) {
  return page.evaluate(() => {
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const assets = entries.filter(({ name }) => name.includes("/console/"));
    const sum = (part) => assets.reduce((all, entry) => all + entry[part], 0);
    return { requests: assets.length, wireBytes: sum("transferSize"), bytes: sum("decodedBodySize") };
  });
}

async function signIn(page) {
  await useKey(page);
  await page.getByRole("textbox", { name: "Access key ID" }).fill(keyId);
  await page.getByLabel("Secret access key").fill(secret);
  // What a person's typing would have given it time for.
  await page.waitForLoadState("networkidle");
  const since = await page.evaluate(() => performance.now());
  await page.getByRole("button", { name: "Sign in" }).click();
  return streams(page, since);
}

const rounds = [];
for (let round = 0; round < Number(ROUNDS); round += 1) {
  // A browser of its own: nothing is cached, nothing is compiled.
  const browser = await launch();
  const { page } = await openPage(browser, url);
  const measured = {};
  await page.goto(`${url}/console/`);
  measured.coldForm = await signInForm(page);
  measured.coldSignIn = await signIn(page);
  await page.reload();
  measured.warmStreams = await streams(page);
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  measured.warmForm = await signInForm(page);
  measured.warmSignIn = await signIn(page);
  rounds.push(measured);
  await browser.close();
}
console.log(JSON.stringify(rounds));
