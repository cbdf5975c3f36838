import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { useApi } from "../../api/api";
import { playlistUrl, type Source } from "../../api/playback";
import { isTriedAgain } from "../../logic/playing";
import { noticed } from "../../ui/load";
import { play, type PlayFailure, type Playing } from "./hls";

/** A recorded session begins this much earlier than asked for: fragments are chosen by where they begin. */
const LEAD_MS = 20_000;
const RETRY_MS = 3000;

export interface Heard {
  /** Where playing is, by the camera's time. */
  onTime: (at: number) => void;
  /** All of a recorded session was played. */
  onEnded: () => void;
  /** Nothing is shown any more: it could not be played. */
  onNothing: () => void;
}

export interface PlayerState {
  failure: PlayFailure | undefined;
  /** For the first picture, or the next one. */
  waiting: boolean;
  hasSound: boolean;
  /** Whether what is played is what comes newest. */
  live: boolean;
  /** Goes to a moment that what is played reaches. */
  goTo: (at: number) => boolean;
}

/** Plays a stream in a video element; begins again by itself where that may help. */
export function usePlayer(
  video: RefObject<HTMLVideoElement | null>,
  streamName: string,
  source: Source,
  heard: Heard,
): PlayerState {
  const { archivedMedia } = useApi();
  const playing = useRef<Playing>(undefined);
  const [failure, setFailure] = useState<PlayFailure>();
  const [waiting, setWaiting] = useState(true);
  const [hasSound, setHasSound] = useState(false);
  const [round, setRound] = useState(0);
  // What is asked of the server; a moment that the session reaches is gone to within it.
  const [session, setSession] = useState(source);
  const handlers = useRef(heard);
  handlers.current = heard;
  useEffect(() => {
    if (source === session) return;
    if (source.live || session.live || !playing.current?.goTo(source.from)) setSession(source);
  }, [source, session]);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    let over = false;
    let retry: number | undefined;
    setWaiting(true);
    setFailure(undefined);
    setHasSound(false);
    const failed = (what: PlayFailure) => {
      if (over) return;
      setFailure(what);
      setWaiting(false);
      handlers.current.onNothing();
      // A camera or a server that comes back is seen again without anybody's doing.
      if (isTriedAgain(what, session.live)) retry = window.setTimeout(() => setRound((before) => before + 1), RETRY_MS);
    };
    const tell = () => {
      const now = playing.current?.playingAt();
      if (now !== undefined && !element.seeking) handlers.current.onTime(now);
    };
    const events: Record<string, () => void> = {
      timeupdate: tell,
      seeked: tell,
      ended: () => handlers.current.onEnded(),
      playing: () => setWaiting(false),
      seeking: () => setWaiting(!element.paused),
      canplay: () => setWaiting(false),
    };
    for (const [name, listener] of Object.entries(events)) element.addEventListener(name, listener);
    void start(element);
    async function start(element: HTMLVideoElement) {
      try {
        const from = session.live ? session : { live: false as const, from: session.from - LEAD_MS };
        // The page is there before its player is.
        const [{ default: HlsPlayer }, url] = await Promise.all([
          import("hls.js"),
          playlistUrl(archivedMedia, streamName, from),
        ]);
        if (over) return;
        const hooks = { failed, sound: () => setHasSound(true) };
        playing.current = play(HlsPlayer, element, url, session.live ? undefined : session.from, hooks);
      } catch (error) {
        failed(noticed(error));
      }
    }
    return () => {
      over = true;
      clearTimeout(retry);
      playing.current?.end();
      playing.current = undefined;
      for (const [name, listener] of Object.entries(events)) element.removeEventListener(name, listener);
    };
  }, [archivedMedia, video, streamName, session, round]);
  const goTo = useCallback((at: number) => playing.current?.goTo(at) ?? false, []);
  return { failure, waiting, hasSound, live: session.live, goTo };
}
