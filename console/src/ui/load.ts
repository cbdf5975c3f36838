import { useCallback, useEffect, useRef, useState } from "react";
import { type Failure, failureOf, isSessionOver, isUnreachable } from "../api/failure";
import { endSession } from "../api/session";
import { lost, useReturns } from "./connection";

export interface Loaded<T> {
  /** The latest answer; stays while a newer one is on its way. */
  data: T | undefined;
  failure: Failure | undefined;
  loading: boolean;
  reload: () => void;
}

/** Passes a failure on. When it says that the session is over, signs out; that nobody answers is said for all pages. */
export function noticed(error: unknown): Failure {
  const failure = failureOf(error);
  if (isSessionOver(failure)) endSession("Your session has ended. Sign in again.");
  if (isUnreachable(failure)) lost();
  return failure;
}

/**
 * Loads when `key` changes, again after `everyMs`, when the server is back after it was away, and when the tab is looked
 * at again. A tab that nobody sees does not ask.
 */
export function useLoad<T>(key: string, load: () => Promise<T>, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; failure?: Failure; loading: boolean }>({
    key,
    loading: true,
  });
  const [round, setRound] = useState(0);
  const returns = useReturns();
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    let over = false;
    let timer: number | undefined;
    setState((before) => (before.key === key ? { ...before, loading: true } : { key, loading: true }));
    const once = async () => {
      try {
        const data = await latest.current();
        if (!over) setState({ key, data, loading: false });
      } catch (error) {
        const failure = noticed(error);
        if (!over) setState((before) => ({ ...before, key, failure, loading: false }));
      }
      if (!over && everyMs) timer = window.setTimeout(tick, everyMs);
    };
    const tick = () => {
      timer = undefined;
      if (document.visibilityState === "visible") void once();
    };
    const seen = () => {
      if (timer === undefined && everyMs) tick();
    };
    document.addEventListener("visibilitychange", seen);
    void once();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [key, round, returns, everyMs]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  const current = state.key === key ? state : { loading: true, data: undefined, failure: undefined };
  return { data: current.data, failure: current.failure, loading: current.loading, reload };
}
