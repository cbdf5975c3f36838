/** What cameras do in the middle of a live session: another picture size, and a pause longer than a live session's age. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch } from "./browser.mjs";
import { WAYS_OF_OTHERS, play, serveBlankPage } from "./players.mjs";

/** Made by the test that runs this: URLs of sessions of one stream, and the folder where it is told what happened. */
const site = JSON.parse(process.env.SITE);

let browser;
let blank;

before(async () => {
  browser = await launch();
  blank = await serveBlankPage();
});
after(async () => {
  await browser.close();
  blank.close();
});

/** Tells the test that runs this. */
const tell = (what) => closeSync(openSync(`${site.signals}/${what}`, "w"));

test("a live session goes on when its source changes its picture size, and when it pauses and returns", async () => {
  const players = await Promise.all(WAYS_OF_OTHERS.map(([name, form]) => play(browser, blank.origin, name, site[form], 120_000)));
  const all = async (what, holds) => {
    const ended = await Promise.allSettled(players.map((player, at) => player.until(what, (now) => holds(now, at))),
    );
    // All that did not, not only the first.
    const failed = ended.map(({ reason }, at) => reason && `${WAYS_OF_OTHERS[at].join(" ")}: ${reason.message}`);
    assert.deepEqual(failed.filter(Boolean), []);
    return ended.map(({ value }) => value);
  };
  try {
    const [first, second] = site.heights;
    await all("under way", (now) => now.frames > 10 && now.height === first);
    tell("playing");
    const changed = await all("showing the other size", (now) => now.height === second);
    await all("going on in the other size", (now, at) => now.frames > changed[at].frames + 50);
    tell("changed");
    // Until the pause is over there is nothing new; afterwards the first size is back.
    const returned = await all("showing what came after the pause", (now) => now.height === first);
    const later = await all(
      "going on after the pause",
      (now, at) => now.frames > returned[at].frames + 75 && now.time > returned[at].time + 2.5,
    );
    for (const { audioBytes } of later) assert.ok(audioBytes > 0, "no sound was decoded");
    if (process.env.PICTURES) {
      await Promise.all(players.map((player, at) => player.picture(`${process.env.PICTURES}/${WAYS_OF_OTHERS[at].join("-")}.png`)));
    }
  } finally {
    await Promise.all(players.map((player) => player.close()));
  }
});
