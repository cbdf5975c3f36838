import { useCallback, useState, useSyncExternalStore } from "react";
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

/** Writes to the address what a page shows already, without a step of its own in the history. */
export function useNote(): (route: Route) => void {
  const [own] = useState(() => visit.number);
  return useCallback(
    (route) => {
      const href = hrefOf(route);
      // Of another visit, or of one that is about to be told: a page that is on its way out takes nothing back.
      if (visit.number !== own || location.hash !== visit.hash || location.hash === href) return;
      history.replaceState(history.state, "", href);
      visit.hash = location.hash;
    },
    [own],
  );
}
