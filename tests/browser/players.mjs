/** Players of others in a real browser, on a page of another origin than the server's. */
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { PATIENCE_MS, openPage } from "./browser.mjs";

const require = createRequire(import.meta.url);

/** How each player is made to play a URL; runs in the page. */
const PLAYERS = {
  "hls.js": {
    script: "hls.js/dist/hls.min.js",
    load: (url) => {
      const hls = new window.Hls();
      hls.on(window.Hls.Events.ERROR, (_, data) => window.noted(`${data.fatal ? "fatal" : "warning"}: ${data.details}`));
      hls.loadSource(url);
      hls.attachMedia(window.video);
    },
  },
  "dash.js": {
    script: "dashjs/dist/modern/umd/dash.all.min.js",
    load: (url) => {
      const player = window.dashjs.MediaPlayer().create();
      player.on("error", ({ error }) => window.noted(`fatal: ${error.code} ${error.message}`));
      player.initialize(window.video, url, true);
    },
  },
  shaka: {
    script: "shaka-player/dist/shaka-player.compiled.js",
    load: async (url) => {
      window.shaka.polyfill.installAll();
      const player = new window.shaka.Player();
      player.addEventListener("error", ({ detail }) => {
        const critical = detail.severity === window.shaka.util.Error.Severity.CRITICAL;
        window.noted(`${critical ? "fatal" : "warning"}: ${detail.code} ${detail.data ?? detail.message}`);
      });
      await player.attach(window.video);
      await player.load(url);
    },
  },
  // Chromium's own, which Debian's build has.
  native: {
    load: (url) => {
      window.video.src = url;
    },
  },
};

/** Which player plays which form, of those that a page brings along. */
export const WAYS_OF_OTHERS = [
  ["hls.js", "hls"],
  ["hls.js", "hlsTs"],
  ["shaka", "hls"],
  ["shaka", "dash"],
  ["dash.js", "dash"],
];

/** The same with the browser's own. */
export const WAYS = [...WAYS_OF_OTHERS, ["native", "hls"], ["native", "hlsTs"]];

/** A page with an empty video element, on an origin of its own. */
export async function serveBlankPage() {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end("<!doctype html><video muted autoplay playsinline width=640></video>");
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Lets a player play a URL; gives what one can ask of it. It is waited for so long. */
export async function play(browser, origin, name, url, patienceMs = PATIENCE_MS * 2) {
  const { script, load } = PLAYERS[name];
  const { context, page } = await openPage(browser, origin);
  const noted = [];
  page.on("pageerror", (error) => noted.push(`uncaught: ${error.message}`));
  await page.exposeFunction("noted", (what) => noted.push(what));
  await page.goto(origin);
  if (script) {
    // Packages say which files may be asked for; the scripts for browsers are not always among them.
    const folder = require.resolve.paths(script).find((path) => path.endsWith("tests/browser/node_modules"));
    await page.addScriptTag({ path: `${folder}/${script}` });
  }
  await page.evaluate(() => {
    window.video = document.querySelector("video");
    window.video.addEventListener("resize", () => (window.sizes ??= []).push(window.video.videoHeight));
  });
  await page.evaluate(load, url);

  const state = () =>
    page.evaluate(() => ({
      time: window.video.currentTime,
      duration: window.video.duration,
      ended: window.video.ended,
      frames: window.video.getVideoPlaybackQuality().totalVideoFrames,
      height: window.video.videoHeight,
      sizes: window.sizes ?? [],
      audioBytes: window.video.webkitAudioDecodedByteCount,
      buffered: [...Array(window.video.buffered.length).keys()].map((at) => [
        window.video.buffered.start(at),
        window.video.buffered.end(at),
      ]),
      error: window.video.error?.message,
    }));
  /** Waits until what is asked of the player's state holds; says what the state was when it does not. */
  const until = async (what, holds) => {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const now = await state();
      if (holds(now)) return now;
      const fatal = noted.find((line) => line.startsWith("fatal") || line.startsWith("uncaught"));
      if (fatal || now.error || performance.now() > deadline) {
        throw new Error(`${name}: not ${what}: ${JSON.stringify(now)}; ${noted.join("; ")}`);
      }
      await page.waitForTimeout(50);
    }
  };
  return {
    until,
    state,
    noted,
    seek: (time) => page.evaluate((to) => (window.video.currentTime = to), time),
    setRate: (rate) => page.evaluate((to) => (window.video.playbackRate = to), rate),
    picture: (path) => page.screenshot({ path }),
    close: () => context.close(),
  };
}
