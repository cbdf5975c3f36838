import Spinner from "@cloudscape-design/components/spinner";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Shared } from "../../api/shared";
import type { Span } from "../../logic/timeline";
import { Empty } from "../../ui/empty";
import { localText } from "../../ui/time";
import { Controls } from "../stream/controls";
import { type PlayFailure, type Playing, play } from "../stream/hls";

interface Props {
  shared: Shared;
  /** Of the playlist, at this page's origin. */
  path: string;
  /** Of a clip. */
  span: Span | undefined;
  /** Goes where the playlist does not reach. */
  seek: ((at: number) => void) | undefined;
  /** Nothing more is played: the link may have ended, or the session. */
  stopped: () => void;
}

const AGAIN_MS = 3000;

/** Plays what a link shows, with its sound and at every speed. */
export function SharedPlayer({ shared, path, span, seek, stopped }: Props) {
  const region = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const keys = useRef<(event: KeyboardEvent) => void>(undefined);
  const playing = useRef<Playing>(undefined);
  const [failure, setFailure] = useState<PlayFailure>();
  const [waiting, setWaiting] = useState(true);
  const [hasSound, setHasSound] = useState(false);
  const [at, setAt] = useState<number>();
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    let over = false;
    let again: number | undefined;
    const failed = (what: PlayFailure) => {
      if (over) return;
      setFailure(what);
      // Another browser plays it, and it can be downloaded: to ask again changes nothing.
      if (what.name !== "Codec") again = window.setTimeout(stopped, AGAIN_MS);
    };
    const tell = () => {
      const now = playing.current?.playingAt();
      // Until it is there, where it goes is shown.
      if (now !== undefined && !element.seeking) setAt(now);
    };
    const begun = () => setWaiting(false);
    element.addEventListener("timeupdate", tell);
    element.addEventListener("seeked", tell);
    element.addEventListener("playing", begun);
    void import("hls.js").then(({ default: HlsPlayer }) => {
      if (over) return;
      const hooks = { failed, sound: () => setHasSound(true) };
      playing.current = play(HlsPlayer, element, `${location.origin}${path}`, undefined, hooks);
    });
    return () => {
      over = true;
      clearTimeout(again);
      element.removeEventListener("timeupdate", tell);
      element.removeEventListener("seeked", tell);
      element.removeEventListener("playing", begun);
      playing.current?.end();
      playing.current = undefined;
    };
  }, [path, stopped]);
  const goTo = (to: number) => {
    const reached = span ? Math.min(Math.max(to, span.from), span.until - 1) : to;
    // At once: what the slider is given back is heard as another wish.
    setAt(reached);
    if (!playing.current?.goTo(reached)) seek?.(reached);
  };
  return (
    <div ref={region} className="player" role="group" aria-label="Player" onKeyDown={(event) => keys.current?.(event)}>
      <div className="player-picture">
        <video
          ref={video}
          muted
          playsInline
          tabIndex={0}
          className={failure && "player-unseen"}
          aria-label={`Video of ${shared.StreamName}`}
          onClick={({ currentTarget }) => void (currentTarget.paused ? currentTarget.play() : currentTarget.pause())}
        />
        {waiting && !failure && (
          <div className="player-wait">
            <Spinner size="large" />
          </div>
        )}
        {failure && (
          <div className="player-over">
            {failure.name === "Codec" ? (
              <Empty title={`This browser cannot play ${failure.message}`}>Nothing is wrong with the video; another one may play it.</Empty>
            ) : (
              <Empty title="The video stopped">It goes on as soon as it can.</Empty>
            )}
          </div>
        )}
      </div>
      {span && (
        <input
          type="range"
          className="shared-place"
          aria-label="Place in the clip"
          aria-valuetext={at === undefined ? "" : localText(at)}
          min={span.from}
          max={span.until}
          step={1000}
          value={at ?? span.from}
          onChange={({ target }) => goTo(Number(target.value))}
        />
      )}
      <Controls video={video} region={region} keys={keys} hasSound={hasSound} disabled={!!failure} at={at} seek={goTo} />
    </div>
  );
}
