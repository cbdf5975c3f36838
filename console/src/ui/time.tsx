import { useEffect, useState } from "react";
import { relativeText } from "../logic/units";

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function localText(at: Date | number): string {
  return LOCAL.format(at);
}

export function utcText(at: Date | number): string {
  return new Date(at).toISOString().replace("T", " ").replace("Z", " UTC");
}

/** A moment in the viewer's zone, in UTC when pointed at. */
export function Time({ at, relative }: { at: Date | number | undefined; relative?: boolean }) {
  const now = useNow(relative ? 5000 : undefined);
  if (at === undefined) return <>–</>;
  const millis = typeof at === "number" ? at : at.getTime();
  const local = localText(millis);
  const title = relative ? `${local} · ${utcText(millis)}` : utcText(millis);
  return (
    <time dateTime={new Date(millis).toISOString()} title={title}>
      {relative ? relativeText(millis, now) : local}
    </time>
  );
}

/** The present, renewed. */
export function useNow(everyMs: number | undefined): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!everyMs) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
