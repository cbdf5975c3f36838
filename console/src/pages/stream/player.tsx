import Spinner from "@cloudscape-design/components/spinner";
import type Hls from "hls.js";
import { useEffect, useRef, useState } from "react";
import { useApi } from "../../api/api";
import { type Failure } from "../../api/failure";
import { playlistUrl, type Source } from "../../api/playback";
import { Empty } from "../../ui/empty";
import { noticed } from "../../ui/load";

/** A recorded session begins this much earlier than asked for: fragments are chosen by where they begin. */
const LEAD_MS = 20_000;
const RETRY_MS = 3000;

interface Props {
  streamName: string;
  source: Source;
  /** Where playing is, by the camera's time. */
  onTime: (at: number) => void;
  /** All of a recorded session was played. */
  onEnded: () => void;
}

export function Player({ streamName, source, onTime, onEnded }: Props) {
  const { archivedMedia } = useApi();
  const video = useRef<HTMLVideoElement>(null);
  const [failure, setFailure] = useState<Failure>();
  const [waiting, setWaiting] = useState(true);
  const [round, setRound] = useState(0);
  const handlers = useRef({ onTime, onEnded });
  handlers.current = { onTime, onEnded };
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    let over = false;
    let retry: number | undefined;
    let hls: Hls | undefined;
    setWaiting(true);
    setFailure(undefined);
    const failed = (what: Failure) => {
      if (over) return;
      setFailure(what);
      setWaiting(false);
      // A camera that comes back is seen again without anybody's doing.
      if (source.live) retry = window.setTimeout(() => setRound((before) => before + 1), RETRY_MS);
    };
    const tell = () => {
      const at = hls?.playingDate?.getTime();
      if (at !== undefined && !element.seeking) handlers.current.onTime(at);
    };
    const ended = () => handlers.current.onEnded();
    const playing = () => setWaiting(false);
    element.addEventListener("timeupdate", tell);
    element.addEventListener("ended", ended);
    element.addEventListener("playing", playing);
    void start();
    async function start() {
      if (!element) return;
      try {
        const from = source.live ? source : { live: false as const, from: source.from - LEAD_MS };
        // The page is there before its player is.
        const [{ default: HlsPlayer }, url] = await Promise.all([
          import("hls.js/light"),
          playlistUrl(archivedMedia, streamName, from),
        ]);
        if (over) return;
        hls = attach(HlsPlayer, element, url, source, failed);
      } catch (error) {
        failed(noticed(error));
      }
    }
    return () => {
      over = true;
      clearTimeout(retry);
      if (hls) release(hls, element);
      element.removeEventListener("timeupdate", tell);
      element.removeEventListener("ended", ended);
      element.removeEventListener("playing", playing);
    };
  }, [archivedMedia, streamName, source, round]);
  return (
    <div className="player">
      <video ref={video} controls muted playsInline aria-label={`Video of ${streamName}`} />
      {waiting && !failure && (
        <div className="player-over">
          <Spinner size="large" />
        </div>
      )}
      {failure && (
        <div className="player-over">
          <Trouble failure={failure} live={source.live} />
        </div>
      )}
    </div>
  );
}

function Trouble({ failure, live }: { failure: Failure; live: boolean }) {
  if (failure.name === "ResourceNotFoundException") {
    return live ? (
      <Empty title="No live video">
        Nothing has come in lately. It appears here as soon as it does; the timeline says why there is none.
      </Empty>
    ) : (
      <Empty title="No video here">Nothing was recorded at this time. Pick a filled part of the timeline.</Empty>
    );
  }
  return <Empty title="The video cannot be played">{failure.message}</Empty>;
}

/** Plays a playlist; a recorded one from the moment that was asked for. */
function attach(
  HlsPlayer: typeof Hls,
  element: HTMLVideoElement,
  url: string,
  source: Source,
  failed: (what: Failure) => void,
): Hls {
  const hls = new HlsPlayer({ enableWorker: false, backBufferLength: 60 });
  let position: number | undefined;
  let mended = 0;
  hls.on(HlsPlayer.Events.LEVEL_LOADED, (_, { details }) => {
    if (source.live || position !== undefined) return;
    const fragment = details.fragments.find(
      ({ programDateTime, duration }) => programDateTime !== null && programDateTime + duration * 1000 > source.from,
    );
    const begins = fragment?.programDateTime ?? source.from;
    position = (fragment?.start ?? 0) + Math.max(0, (source.from - begins) / 1000);
  });
  element.onloadedmetadata = () => {
    if (position) element.currentTime = position;
    element.play().catch(() => {
      // The browser wants a click first; the controls are there for it.
    });
  };
  hls.on(HlsPlayer.Events.ERROR, (_, { fatal, type, details, response }) => {
    if (!fatal) return;
    if (type === HlsPlayer.ErrorTypes.MEDIA_ERROR && mended < 3) {
      mended += 1;
      hls.recoverMediaError();
      return;
    }
    release(hls, element);
    if (response?.code === 404 || response?.code === 403) {
      failed({ name: "ResourceNotFoundException", message: details });
    } else {
      failed({ name: "Playback", message: `The player stopped: ${details}.` });
    }
  });
  hls.loadSource(url);
  hls.attachMedia(element);
  return hls;
}

/** Ends playing. */
function release(hls: Hls, element: HTMLVideoElement): void {
  hls.destroy();
  // hls.js 1.7 takes an element that has not begun to load its newest source for somebody else's and leaves it be, with
  // the address of media that it has taken back.
  if (element.hasAttribute("src")) {
    element.removeAttribute("src");
    element.load();
  }
}
