import { useSyncExternalStore } from "react";
import { hrefOf, parseRoute, type Route } from "../logic/route";

export function useRoute(): Route {
  const hash = useSyncExternalStore(
    (listener) => {
      addEventListener("hashchange", listener);
      return () => removeEventListener("hashchange", listener);
    },
    () => location.hash,
  );
  return parseRoute(hash);
}

export function go(route: Route): void {
  location.hash = hrefOf(route);
}
