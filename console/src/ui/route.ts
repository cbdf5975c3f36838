import { useSyncExternalStore } from "react";
import { hrefOf, parseRoute, type Route } from "../logic/route";

/** Somebody went to an address; what a page notes there while it is looked at is not another visit. */
let visit = { hash: location.hash, number: 0 };
const listeners = new Set<() => void>();

addEventListener("hashchange", () => {
  visit = { hash: location.hash, number: visit.number + 1 };
  for (const listener of listeners) listener();
});

function useVisit() {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => visit,
  );
}

export function useRoute(): Route {
  return parseRoute(useVisit().hash);
}

/** Another with each visit, also to the address where one is. */
export function useVisitNumber(): number {
  return useVisit().number;
}

export function go(route: Route): void {
  location.hash = hrefOf(route);
}

/** Writes to the address what is shown already, without a step of its own in the history. */
export function note(route: Route): void {
  const href = hrefOf(route);
  // An address that is not this page's is of a visit that is about to be told.
  if (location.hash !== visit.hash || location.hash === href) return;
  history.replaceState(history.state, "", href);
  visit.hash = location.hash;
}
