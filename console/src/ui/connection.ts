/** Whether the server answers. While it does not, it is asked until it does, and then everything is loaded anew. */
import { useSyncExternalStore } from "react";

const AGAIN_MS = 2000;

/** Since when the server does not answer. */
let silentSince: number | undefined;
/** How often it has come back. */
let returns = 0;
const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

/** A call found nobody. */
export function lost(): void {
  if (silentSince !== undefined) return;
  silentSince = Date.now();
  tell();
  setTimeout(ask, AGAIN_MS);
}

async function ask(): Promise<void> {
  const answers = await fetch("/readyz").then(
    ({ ok }) => ok,
    () => false,
  );
  if (!answers) {
    setTimeout(ask, AGAIN_MS);
    return;
  }
  silentSince = undefined;
  returns += 1;
  tell();
}

function listen(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSilence(): number | undefined {
  return useSyncExternalStore(listen, () => silentSince);
}

export function useReturns(): number {
  return useSyncExternalStore(listen, () => returns);
}
