/** Plays one playlist in a video element by hls.js, and says what is played or why nothing is. */
import type Hls from "hls.js";
import type { Failure } from "../../api/failure";
import { codecNames } from "../../logic/codecs";
import { placeOf, reaches } from "../../logic/playlist";

/** A live player that fell farther behind, in a tab that nobody saw or on a busy machine, goes on with the newest. */
const LIVE_SEGMENTS_MAX = 10;

/** Tries to go on after media that the browser did not take. */
const MENDS = 3;

/** Video that begins so much later than it was asked for is another. */
const GAP_MS = 60_000;

/**
 * Why nothing is played. A codec that the browser has not is called `Codec`, with its name; media that it does not take,
 * `Playback`; `Interrupted` when the server did not give it.
 */
export interface PlayFailure extends Failure {
  /** When there is video again. */
  next?: number;
}

export interface Hooks {
  /** Nothing more is played. */
  failed: (what: PlayFailure) => void;
  /** There is sound. */
  sound: () => void;
}

export interface Playing {
  /** What is on the screen, by the camera's time. */
  playingAt: () => number | undefined;
  /** Goes to a moment, where the playlist reaches it. */
  goTo: (at: number) => boolean;
  end: () => void;
}

/** Those of the codecs that this browser has not, as far as it says so. */
function unknown(codecs: string[]): string[] {
  const found = codecs.filter((codec) => !MediaSource.isTypeSupported(`video/mp4; codecs="${codec}"`));
  return found.length > 0 ? found : codecs;
}

/** `from`: where a recorded playlist is begun. */
export function play(
  HlsPlayer: typeof Hls,
  element: HTMLVideoElement,
  url: string,
  from: number | undefined,
  { failed, sound }: Hooks,
): Playing {
  const hls = new HlsPlayer({
    enableWorker: false,
    backBufferLength: 60,
    // Its default; it takes the other only with it.
    liveSyncDurationCount: 3,
    liveMaxLatencyDurationCount: LIVE_SEGMENTS_MAX,
  });
  const { Events, ErrorTypes, ErrorDetails } = HlsPlayer;
  let begins: number | undefined;
  let mended = 0;
  let codecs: string[] = [];
  hls.on(Events.MANIFEST_LOADED, (_, { levels }) => {
    codecs = levels.flatMap(({ attrs }) => (attrs.CODECS ?? "").split(",").filter((codec) => codec !== ""));
  });
  hls.on(Events.AUDIO_TRACKS_UPDATED, (_, { audioTracks }) => {
    if (audioTracks.length > 0) sound();
  });
  hls.on(Events.BUFFER_CODECS, (_, tracks) => {
    if (tracks.audio) sound();
  });
  hls.on(Events.LEVEL_LOADED, (_, { details }) => {
    if (from === undefined || begins !== undefined) return;
    const place = placeOf(details.fragments, from);
    begins = place?.seconds ?? 0;
    if (!place || place.at - from <= GAP_MS) return;
    end();
    failed({ name: "ResourceNotFoundException", message: "gap", next: place.at });
  });
  element.onloadedmetadata = () => {
    if (begins) element.currentTime = begins;
    element.play().catch(() => {
      // The browser wants a click first; the controls are there for it.
    });
  };
  hls.on(Events.ERROR, (_, { fatal, type, details, response }) => {
    if (!fatal) return;
    const isUnknown = details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR || details === ErrorDetails.BUFFER_ADD_CODEC_ERROR;
    if (type === ErrorTypes.MEDIA_ERROR && !isUnknown && mended < MENDS) {
      mended += 1;
      hls.recoverMediaError();
      return;
    }
    end();
    if (response?.code === 404 || response?.code === 403) failed({ name: "ResourceNotFoundException", message: details });
    else if (isUnknown) failed({ name: "Codec", message: codecNames(unknown(codecs)) || "this video" });
    else if (type === ErrorTypes.NETWORK_ERROR) failed({ name: "Interrupted", message: `The video did not come: ${details}.` });
    else failed({ name: "Playback", message: `The player stopped: ${details}.` });
  });
  hls.loadSource(url);
  hls.attachMedia(element);
  return { playingAt: () => hls.playingDate?.getTime(), goTo, end };

  function goTo(at: number): boolean {
    const listed = hls.latestLevelDetails?.fragments ?? [];
    const place = reaches(listed, at) ? placeOf(listed, at) : undefined;
    if (!place || place.at - at > GAP_MS || element.readyState === HTMLMediaElement.HAVE_NOTHING) return false;
    element.currentTime = place.seconds;
    return true;
  }

  function end(): void {
    hls.destroy();
    // hls.js 1.7 takes an element that has not begun to load its newest source for somebody else's and leaves it be, with
    // the address of media that it has taken back.
    if (element.hasAttribute("src")) {
      element.removeAttribute("src");
      element.load();
    }
  }
}
