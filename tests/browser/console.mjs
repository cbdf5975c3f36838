/** What one does in the console, found by role and name as people and screen readers find it. */
import { assertAccessible } from "./browser.mjs";
import { eventually } from "./steps.mjs";

export async function signIn(page, { url, keyId, secret }) {
  await page.goto(`${url}/console/`);
  await useKey(page);
  await page.getByRole("textbox", { name: "Access key ID" }).fill(keyId);
  await page.getByLabel("Secret access key").fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: /^Streams/ }).waitFor();
}

/** Has the sign-in page ask for an access key, if it asks for a name. */
export async function useKey(page) {
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  const key = page.getByRole("button", { name: "Use an access key" });
  if (await key.isVisible()) await key.click();
}

export async function signInByPassword(page, { url, name, password }) {
  await page.goto(`${url}/console/`);
  await page.getByRole("textbox", { name: "Name" }).fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Goes to a page by the navigation. */
export async function visit(page, name) {
  // Before the crumbs, which may name the same page.
  const link = page.getByRole("navigation").getByRole("link", { name, exact: true }).first();
  if (!(await link.isVisible())) await page.getByRole("button", { name: "Open navigation" }).click();
  await link.click();
}

const NARROW = { width: 375, height: 812 };

/**
 * Checks a page for accessibility in both modes and for its place on a telephone, and keeps how it looks: wide and narrow,
 * light and dark, when SCREENSHOTS names a folder.
 */
export async function inspect(page, name) {
  const wide = page.viewportSize();
  for (const mode of ["light", "dark"]) {
    await setMode(page, mode);
    await assertAccessible(page, `${name}, ${mode}`);
    await shoot(page, `${name}-${mode}`);
  }
  await page.setViewportSize(NARROW);
  await eventually(
    () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    `${name} fits a narrow screen`,
  );
  await shoot(page, `${name}-narrow-dark`);
  await setMode(page, "light");
  await shoot(page, `${name}-narrow`);
  await page.setViewportSize(wide);
  const closed = page.getByRole("button", { name: "Open navigation" });
  if (await closed.isVisible()) await closed.click();
}

export async function shoot(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${folder}/${name}.png`, animations: "disabled", fullPage: true });
}

async function setMode(page, mode) {
  const button = page.getByRole("button", { name: mode === "dark" ? "Dark mode" : "Light mode" });
  if (await button.isVisible()) await button.click();
}

/** Goes to live video, where recorded video has not come to its end and gone there by itself meanwhile. */
export async function goLive(page) {
  await page.getByRole("button", { name: "Live", exact: true }).click({ timeout: 3000 }).catch(() => undefined);
  await page.getByRole("heading", { name: "Video Live", exact: true }).waitFor();
}

/** What stands below a term of a list of facts. */
export function fact(page, term) {
  const found = page.getByRole("term").filter({ hasText: term });
  return page.getByRole("definition").and(found.locator("xpath=following-sibling::*[1]"));
}

/** Complaints but those of a server that did not answer, for tests that make it silent. */
export function withoutSilence(complaints) {
  return complaints.filter((complaint) => !/net::ERR_(CONNECTION_|EMPTY_RESPONSE|INCOMPLETE_CHUNKED)/.test(complaint));
}
