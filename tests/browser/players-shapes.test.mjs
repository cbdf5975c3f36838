/** Media that is not as it should be, in players of others: each plays to its end, and decodes what can be decoded. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./browser.mjs";
import { WAYS, play, serveBlankPage } from "./players.mjs";

/** Made by the test that runs this: URLs of sessions of each shape, and what they hold. */
const site = JSON.parse(process.env.SITE);

/** What cannot be decoded without the pictures that are missing, in parts of all; hls.js leaves out more around an empty segment. */
const LOST = { "broken-key-frame": 0.45, "begun-late": 0.2 };

/** At what players fail in live sessions by MPEG-TS (docs/playback.md), each seen once or twice on a busy machine; why is not known. */
const FAILING = {
  "native hlsTs": ["begun-late", "halves", "single-pictures", "sound-pausing"],
  "hls.js hlsTs": ["single-pictures"],
};

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

/** Which players play a shape: all, or those that are asked for (`native hlsTs`), or two of them by turns, live one. */
const ways = (index, shape, live) => {
  const fails = (way) => live && FAILING[way.join(" ")]?.includes(shape);
  const able = WAYS.filter((way) => !fails(way));
  if (process.env.WAYS === "all") return able;
  if (process.env.WAYS) return able.filter((way) => way.join(" ") === process.env.WAYS);
  return (live ? [index + 4] : [index, index + 2]).map((at) => able[at % able.length]);
};

/** How much of a live session a player decodes, in seconds of its media, and in which time. */
const LIVE_SECONDS = 4;
const LIVE_PATIENCE_MS = 20_000;

describe("players of others", { concurrency: 3 }, () => {
  for (const [index, [shape, urls]] of Object.entries(site).entries()) {
    for (const [name, form] of ways(Number(index), shape, urls.live)) {
      test(`${name} plays ${shape} by ${form}${urls.live ? ", live" : ""}`, async () => {
        const player = await play(browser, blank.origin, name, urls[form]);
        try {
          const { seconds, frames, live } = urls;
          const begun = await player.until("under way", (now) => now.time > 0.2 && (!live || now.frames > 0));
          const expected = 0.8 - (LOST[shape] ?? 0);
          const since = performance.now();
          // Of a live session by what is decoded: some players move on to the edge of it once they know more of it.
          const isEnd = live
            ? (now) => now.frames - begun.frames >= ((frames * LIVE_SECONDS) / seconds) * expected
            : (now) => now.ended || now.time > seconds - 0.6;
          const ended = await player.until("at its end", isEnd);
          if (live) assert.ok(performance.now() - since < LIVE_PATIENCE_MS, "it stood still in between");
          else assert.ok(ended.frames >= frames * expected, `${ended.frames} frames of ${frames} were decoded`);
          assert.ok(ended.audioBytes > 0, "no sound was decoded");
        } finally {
          await player.close();
        }
      });
    }
  }
});
