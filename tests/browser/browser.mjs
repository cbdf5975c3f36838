/** A real Chromium at a server of ours: opened, listened to, and asked whether everybody can use the page. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Things move slowly where many tests run side by side. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 30_000);

export async function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Without its own sandbox where root runs the tests, as in containers; without waiting for a click to play.
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage"],
  });
}

/** A page of its own, with `complaints` that fill as the page does what it should not. */
export async function openPage(browser, origin, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "Europe/Paris",
    reducedMotion: "reduce",
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    // A refused call is told apart by what the page shows; the browser's own line about its status is no error of ours.
    if (message.type() === "error" && !/status of (4\d\d|5\d\d)/.test(message.text())) {
      complaints.push(`console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (["http:", "https:"].includes(url.protocol) && url.origin !== origin) {
      complaints.push(`a request to another origin: ${request.url()}`);
    }
  });
  return { context, page, complaints };
}

/** Fails when axe finds something serious in the way of somebody who cannot see or use a mouse. */
export async function assertAccessible(page, where) {
  // Colours on their way from one to another are nobody's.
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState !== "running"));
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }),
  );
  const serious = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.slice(0, 3).map((node) => node.html.slice(0, 300)).join("\n  ")}`);
  assert.deepEqual(serious, [], `axe at ${where}`);
}
