import { useApi } from "../../api/api";
import { failureOf, isDenied, isNotCarriedOut } from "../../api/failure";
import type { MediaMap } from "../../logic/lanes";
import { loadedFor, type Span } from "../../logic/timeline";
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
        orNothing(extensions.listMediaGaps(name, range)),
        orNothing(extensions.listMediaLosses(name, range)),
      ]);
      return { ranges, gaps, losses };
    },
    holdsNow ? EVERY_MS : undefined,
  );
}

/** Whoever may see video may not always see what hubs say of it. */
async function orNothing<T>(list: Promise<T[]>): Promise<T[]> {
  try {
    return await list;
  } catch (error) {
    const failure = failureOf(error);
    if (isDenied(failure) || isNotCarriedOut(failure)) return [];
    throw error;
  }
}
