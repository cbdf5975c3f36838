import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./browser.mjs";
import { WAYS_OF_OTHERS, play, serveBlankPage } from "./players.mjs";

/** Made by the test that runs this: URLs of sessions, and what they hold. */
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

describe("players of others", { concurrency: 3 }, () => {
  for (const [name, form] of WAYS_OF_OTHERS) {
    test(`${name} plays ${form} on demand, seeks, and crosses a gap and a change of the codec parameters`, async () => {
      const player = await play(browser, blank.origin, name, site.onDemand[form]);
      try {
        const { seconds, framesPerSecond, heights } = site.onDemand;
        const begun = await player.until("under way", (now) => now.frames > 10 && now.time > 0.3);
        // The gap is left out of the player's timeline.
        assert.ok(Math.abs(begun.duration - seconds) < 1, `it lasts ${begun.duration} s instead of ${seconds} s`);
        assert.equal(begun.height, heights[0]);
        const to = seconds / 3 - 1.5;
        await player.seek(to);
        const sought = await player.until("playing where it was sent", (now) => now.time > to + 0.2 && now.time < to + 5);
        await player.setRate(2);
        const ended = await player.until("at its end", (now) => now.ended || now.time > seconds - 0.6);
        // What was decoded on the way, without what a slow machine may drop at the seams.
        const expected = (ended.time - sought.time) * framesPerSecond;
        const decoded = ended.frames - sought.frames;
        assert.ok(decoded > expected * 0.8, `${decoded} frames were decoded of ${expected}`);
        for (const height of heights) assert.ok([...ended.sizes, begun.height].includes(height), `${ended.sizes}`);
        assert.ok(ended.audioBytes > 0, "no sound was decoded");
      } finally {
        await player.close();
      }
    });

    test(`${name} plays ${form} live`, async () => {
      const player = await play(browser, blank.origin, name, site.live[form]);
      try {
        const begun = await player.until("under way", (now) => now.frames > 10);
        const later = await player.until("going on", (now) => now.time > begun.time + 6);
        const expected = (later.time - begun.time) * site.live.framesPerSecond;
        const decoded = later.frames - begun.frames;
        assert.ok(decoded > expected * 0.8, `${decoded} frames were decoded of ${expected}`);
      } finally {
        await player.close();
      }
    });
  }

  // G.711 as FLAC, Opus as it is; MPEG-TS has no place for either.
  for (const codec of ["alaw", "opus"]) {
    for (const [name, form] of WAYS_OF_OTHERS) {
      test(`${name} plays H.264 with ${codec} by ${form}`, async () => {
        const player = await play(browser, blank.origin, name, site.sounds[codec][form]);
        try {
          const isHeard = form !== "hlsTs";
          const now = await player.until("heard and seen", (now) => now.frames > 75 && (!isHeard || now.audioBytes > 5000));
          if (!isHeard) assert.equal(now.audioBytes, 0);
        } finally {
          await player.close();
        }
      });
    }
  }
});
