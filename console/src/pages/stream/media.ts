import { useEffect, useState } from "react";
import { useApi } from "../../api/api";
import { failureOf, isDenied } from "../../api/failure";
import type { MediaMap } from "../../logic/lanes";
import { type Known, loadedFor, type Span } from "../../logic/timeline";
import { type Loaded, useLoad } from "../../ui/load";

const EVERY_MS = 4000;

/** What there is, and why not, around the view; again and again while the view holds the present. */
export function useMedia(name: string, view: Span, now: number): Loaded<MediaMap> {
  const { extensions } = useApi();
  const wanted = loadedFor(view);
  const range = { from: wanted.from, until: Math.min(wanted.until, now + 60_000) };
  const holdsNow = wanted.until > now;
  return useLoad(
    `media ${name} ${wanted.from} ${wanted.until}`,
    async () => {
      const [ranges, gaps, losses] = await Promise.all([
        extensions.listMediaRanges(name, range),
        orElse(extensions.listMediaGaps(name, range), []),
        orElse(extensions.listMediaLosses(name, range), []),
      ]);
      return { ranges, gaps, losses };
    },
    holdsNow ? EVERY_MS : undefined,
  );
}

/** How far back anything is known of a stream; asked until something is. */
export function useKnown(name: string): Known | undefined {
  const { extensions } = useApi();
  const [everyMs, setEveryMs] = useState<number | undefined>(EVERY_MS);
  const loaded = useLoad(
    `known ${name}`,
    async () => {
      const [held, told] = await Promise.all([
        orElse(extensions.describeStreamMedia(name), { OldestTimestamp: undefined, NewestTimestamp: undefined }),
        orElse(extensions.knownFrom(name), undefined),
      ]);
      const since = [held.OldestTimestamp, told].filter((at) => at !== undefined);
      return {
        from: since.length > 0 ? Math.min(...since) * 1000 : undefined,
        newest: held.NewestTimestamp && held.NewestTimestamp * 1000,
      };
    },
    everyMs,
  );
  const isKnown = loaded.data?.from !== undefined;
  useEffect(() => setEveryMs(isKnown ? undefined : EVERY_MS), [isKnown]);
  return loaded.data;
}

/** Whoever may see video may not always see what hubs say of it. */
async function orElse<T, E>(answer: Promise<T>, nothing: E): Promise<T | E> {
  try {
    return await answer;
  } catch (error) {
    const failure = failureOf(error);
    if (isDenied(failure)) return nothing;
    throw error;
  }
}
