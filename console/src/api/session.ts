/**
 * Who is signed in: temporary credentials, for as long as this tab lives. The long-lived secret that was typed is never
 * kept anywhere.
 */
import { useSyncExternalStore } from "react";
import type { SignedInUser } from "../logic/rights";

export interface Session {
  /** The user, or the key that was typed, to show who is signed in. */
  signedInAs: string;
  /** What a user may do; absent for an access key. */
  user?: SignedInUser | undefined;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

const STORED_AS = "vigie.session";

let current: Session | undefined = stored();
let endedBecause: string | undefined;
const listeners = new Set<() => void>();

function stored(): Session | undefined {
  const text = sessionStorage.getItem(STORED_AS);
  if (!text) return undefined;
  const session = JSON.parse(text) as Session;
  return session.expiresAt > Date.now() ? session : undefined;
}

function change(session: Session | undefined, why?: string): void {
  current = session;
  endedBecause = why;
  if (session) sessionStorage.setItem(STORED_AS, JSON.stringify(session));
  else sessionStorage.removeItem(STORED_AS);
  for (const listener of listeners) listener();
}

export function beginSession(session: Session): void {
  change(session);
}

/** Ends the session; `why` is shown on the sign-in page when it was not the user who ended it. */
export function endSession(why?: string): void {
  if (current || why) change(undefined, why);
}

export function sessionEndedBecause(): string | undefined {
  return endedBecause;
}

export function useSession(): Session | undefined {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}
