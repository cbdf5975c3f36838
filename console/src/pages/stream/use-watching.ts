import { useEffect, useState } from "react";
import type { Source } from "../../api/playback";
import { firstView, followed, type Known, notBeyond, showing, type Span } from "../../logic/timeline";
import { useNow } from "../../ui/time";

const HALF_HOUR_MS = 1_800_000;
const LIVE: Source = { live: true };

/** What is looked at, of one camera or of many: live or from a moment on, and the stretch of time that is in view. */
export interface Watching {
  now: number;
  source: Source;
  /** The moment on the screen. */
  at: number | undefined;
  setAt: (at: number | undefined) => void;
  view: Span;
  setView: (view: Span) => void;
  /** The present stays in view. */
  following: boolean;
  /** What an address has to say of it: the moment to the second, and nothing when it is live. */
  moment: number | undefined;
  move: (to: Span) => void;
  seek: (to: number) => void;
  live: () => void;
}

/** Begins at `wanted`, or live. `known`: what there is, which the view of the present takes in. */
export function useWatching(wanted: number | undefined, known: Known): Watching {
  const now = useNow(1000);
  const [source, setSource] = useState<Source>(() => (wanted === undefined ? LIVE : { live: false, from: wanted }));
  const [at, setAt] = useState<number | undefined>(wanted);
  const [view, setView] = useState<Span>(() =>
    wanted === undefined ? firstView(known, Date.now()) : { from: wanted - HALF_HOUR_MS, until: wanted + HALF_HOUR_MS },
  );
  const [held, setHeld] = useState(false);
  // Live: the present stays in view until somebody looks elsewhere.
  const following = source.live && !held;
  useEffect(() => {
    if (following) setView((before) => followed(before, known, now));
  }, [now, known, following]);
  return {
    now,
    source,
    at,
    setAt,
    view,
    setView,
    following,
    moment: source.live || at === undefined ? undefined : Math.round(at / 1000) * 1000,
    move: (to) => {
      setHeld(true);
      setView(notBeyond(to, Date.now()));
    },
    seek: (to) => {
      setAt(to);
      setSource({ live: false, from: to });
      setView((before) => showing(before, to));
    },
    live: () => {
      setHeld(false);
      setAt(undefined);
      setSource({ live: true });
      setView((before) => {
        const length = before.until - before.from;
        return { from: now + length * 0.05 - length, until: now + length * 0.05 };
      });
    },
  };
}
