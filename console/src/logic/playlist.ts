/** Where a moment lies in what a playlist lists. */

/** A fragment as hls.js gives it: begins `start` seconds into what is played, at `programDateTime` by the camera's clock. */
export interface Listed {
  start: number;
  duration: number;
  programDateTime: number | null;
}

const ends = ({ programDateTime, duration }: Listed) => (programDateTime ?? Number.NEGATIVE_INFINITY) + duration * 1000;

export interface Place {
  /** Seconds into what is played. */
  seconds: number;
  /** When that was: the moment itself or, of one in a gap, where it goes on. */
  at: number;
}

/** Where a moment is played; nowhere when all lies before it. */
export function placeOf(listed: Listed[], at: number): Place | undefined {
  const found = listed.find((fragment) => ends(fragment) > at);
  if (!found) return undefined;
  const begins = found.programDateTime ?? at;
  return { seconds: found.start + Math.max(0, (at - begins) / 1000), at: Math.max(at, begins) };
}

/** Whether a moment lies between the first and the last of it. */
export function reaches(listed: Listed[], at: number): boolean {
  const [first, last] = [listed[0], listed.at(-1)];
  return !!first && !!last && (first.programDateTime ?? Number.POSITIVE_INFINITY) <= at && at < ends(last);
}
