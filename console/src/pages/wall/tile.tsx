import Badge from "@cloudscape-design/components/badge";
import Box from "@cloudscape-design/components/box";
import Link from "@cloudscape-design/components/link";
import { type RefObject, useEffect, useRef, useState } from "react";
import { useApi } from "../../api/api";
import { fetchImages, type Source } from "../../api/playback";
import { hrefOf } from "../../logic/route";
import { standing } from "../../logic/standing";
import { cannotKeepUp, keepingUp, type Shown } from "../../logic/wall";
import { useLoad } from "../../ui/load";
import { localText } from "../../ui/time";
import { usePlayer } from "../stream/use-player";

/** Where all tiles of a recorded wall are: since `since` (of the page's clock) at `at`. */
export interface WallClock {
  at: number;
  since: number;
}

interface Props {
  /** The camera's stream, and the one of it that is shown. */
  name: string;
  shown: string;
  source: Source;
  clock: RefObject<WallClock | undefined>;
  now: number;
  onTime: (at: number) => void;
}

const LOOK_MS = 500;
const KEEP_UP_MS = 5000;
/** A camera without video at the moment of the others may have some later. */
const LOOK_AGAIN_MS = 10_000;
const PICTURE_EVERY_MS = 2000;
/** So long a page that could not keep up shows pictures before it tries again. */
const PICTURES_FOR_MS = 120_000;
const PICTURE_WIDTH_PX = 480;

/** Why there is no video. */
interface Pictures {
  because: string;
  /** It may go better in a while. */
  forNow: boolean;
}

/** One camera of the wall. What cannot be played, or not fast enough, is shown as a picture now and then, and says so. */
export function Tile(props: Props) {
  const [pictures, setPictures] = useState<Pictures>();
  useEffect(() => {
    if (!pictures?.forNow) return;
    const timer = setTimeout(() => setPictures(undefined), PICTURES_FOR_MS);
    return () => clearTimeout(timer);
  }, [pictures]);
  return pictures === undefined ? (
    <VideoTile {...props} cannot={setPictures} />
  ) : (
    <PictureTile {...props} because={pictures.because} />
  );
}

function VideoTile({ name, shown, source, clock, now, onTime, cannot }: Props & { cannot: (pictures: Pictures) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const [at, setAt] = useState<number>();
  const [begun, setBegun] = useState(source);
  useEffect(() => setBegun(source), [source]);
  const player = usePlayer(video, shown, begun, {
    onTime: (moment) => {
      setAt(moment);
      onTime(moment);
    },
    onEnded: () => setAt(undefined),
    onNothing: () => setAt(undefined),
  });
  useTogether(video, source, at, clock, player.goTo);
  useKeepsUp(video, () => cannot({ because: "This page cannot keep up: a picture each 2 s", forNow: true }));
  const { failure } = player;
  useEffect(() => {
    if (source.live || failure?.name !== "ResourceNotFoundException") return;
    const timer = setInterval(() => {
      const from = clockAt(clock.current);
      if (from !== undefined) setBegun({ live: false, from });
    }, LOOK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [source, clock, failure]);
  useEffect(() => {
    if (failure?.name !== "Codec") return;
    cannot({ because: `This browser cannot play ${failure.message}: a picture each 2 s`, forNow: false });
  }, [failure, cannot]);
  return (
    <Shell name={name} live={source.live} at={at} now={now} text={failure ? "No video" : undefined}>
      <video ref={video} muted playsInline aria-label={`Video of ${name}`} className={failure && "player-unseen"} />
    </Shell>
  );
}

function PictureTile({ name, shown, source, clock, now, onTime, because }: Props & { because: string }) {
  const { archivedMedia, extensions } = useApi();
  const picture = useLoad(
    `tile ${shown} ${source.live ? "live" : source.from}`,
    async () => {
      const newest = source.live ? (await extensions.describeStreamMedia(shown)).NewestTimestamp : undefined;
      const until = source.live ? newest && newest * 1000 : (clockAt(clock.current) ?? source.from);
      if (until === undefined) return undefined;
      // Where none of the tiles plays, the pictures set the pace.
      if (!source.live) onTime(until);
      const [found] = await fetchImages(archivedMedia, shown, { from: until - 1, until }, 1, PICTURE_WIDTH_PX);
      return found;
    },
    PICTURE_EVERY_MS,
  );
  const { url, at } = picture.data ?? {};
  return (
    <Shell name={name} live={source.live} at={url ? at : undefined} now={now} text={url ? because : "No video"}>
      {url && <img src={url} alt={`Picture of ${name}`} />}
    </Shell>
  );
}

interface ShellProps {
  name: string;
  live: boolean;
  at: number | undefined;
  now: number;
  text: string | undefined;
  children: React.ReactNode;
}

function Shell({ name, live, at, now, text, children }: ShellProps) {
  const stands = standing(live, at, now);
  return (
    <div className="tile" role="listitem" aria-label={name}>
      {children}
      <div className="tile-words">
        <Link href={hrefOf({ page: "stream", name, at: live ? undefined : at })}>{name}</Link>{" "}
        {stands && <Badge color={stands.color}>{live ? stands.text : localText(at ?? now)}</Badge>}{" "}
        {text && (
          <Box display="inline" fontSize="body-s" color="inherit">
            {text}
          </Box>
        )}
      </div>
    </div>
  );
}

function clockAt(clock: WallClock | undefined): number | undefined {
  return clock && clock.at + performance.now() - clock.since;
}

/** A recorded tile keeps to the moment of the others: who is behind follows, who is ahead waits. */
function useTogether(
  video: RefObject<HTMLVideoElement | null>,
  source: Source,
  at: number | undefined,
  clock: RefObject<WallClock | undefined>,
  goTo: (at: number) => boolean,
) {
  const latest = useRef(at);
  latest.current = at;
  useEffect(() => {
    if (source.live) return;
    const timer = setInterval(() => {
      const others = clockAt(clock.current);
      const element = video.current;
      if (!element || others === undefined || latest.current === undefined || element.seeking) return;
      const act = keepingUp(latest.current, others);
      if (act === "follow") goTo(others);
      if (act === "wait") element.pause();
      else if (element.paused) element.play().catch(() => undefined);
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [video, source, clock, goTo]);
}

function useKeepsUp(video: RefObject<HTMLVideoElement | null>, cannot: () => void) {
  const latest = useRef(cannot);
  latest.current = cannot;
  useEffect(() => {
    let before: Shown | undefined;
    const timer = setInterval(() => {
      const quality = video.current?.getVideoPlaybackQuality();
      // A page that nobody looks at shows nothing, and need not.
      if (!quality || document.visibilityState !== "visible") {
        before = undefined;
        return;
      }
      const seen = { all: quality.totalVideoFrames, dropped: quality.droppedVideoFrames };
      if (before && cannotKeepUp(before, seen)) latest.current();
      before = seen;
    }, KEEP_UP_MS);
    return () => clearInterval(timer);
  }, [video]);
}
