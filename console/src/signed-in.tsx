import AppLayout from "@cloudscape-design/components/app-layout";
import SideNavigation, { type SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import { useEffect, useMemo, useState } from "react";
import { ApiProvider, apiOf } from "./api/api";
import type { Session } from "./api/session";
import type { Settings } from "./api/settings";
import type { Rights } from "./logic/rights";
import { hrefOf, type Route } from "./logic/route";
import { Page } from "./pages/page";
import { useNoticeBoard } from "./ui/notices";

/** What there is for whom. */
function navigationFor({ access, cameras }: Rights): SideNavigationProps.Item[] {
  const link = (text: string, href: string) => ({ type: "link" as const, text, href });
  const divider = { type: "divider" as const };
  return [
    link("Streams", "#/streams"),
    link("Wall", "#/wall"),
    link("Hubs", "#/hubs"),
    divider,
    ...(access ? [link("Users", "#/users"), link("Access keys", "#/keys")] : []),
    ...(cameras ? [link("Secrets", "#/secrets"), divider] : []),
    ...(access ? [link("Audit", "#/audit")] : []),
    link("Metrics", "#/metrics"),
  ];
}

/** Everything behind the sign-in. */
export function SignedIn({ settings, session, route }: { settings: Settings; session: Session; route: Route }) {
  const api = useMemo(() => apiOf(settings, session), [settings, session]);
  const { notices, provide } = useNoticeBoard();
  const [open, setOpen] = useState(() => matchMedia("(min-width: 1100px)").matches);
  useEffect(() => {
    document.title = `${titleOf(route)} – Vigie`;
  }, [route]);
  return (
    <ApiProvider value={api}>
      {provide(
        <AppLayout
          headerSelector="#top"
          toolsHide
          ariaLabels={{
            navigation: "Navigation",
            navigationToggle: "Open navigation",
            navigationClose: "Close navigation",
            notifications: "Messages",
          }}
          navigationOpen={open}
          onNavigationChange={({ detail }) => setOpen(detail.open)}
          navigation={
            <SideNavigation
              activeHref={sectionOf(route)}
              items={navigationFor(api.rights)}
              onFollow={() => matchMedia("(max-width: 688px)").matches && setOpen(false)}
            />
          }
          notifications={notices}
          stickyNotifications
          content={<Page route={route} />}
        />,
      )}
    </ApiProvider>
  );
}

/** The entry of the navigation that a page belongs to. */
function sectionOf(route: Route): string {
  switch (route.page) {
    case "stream":
    case "edge":
    case "add-camera":
      return "#/streams";
    case "wall":
      return "#/wall";
    case "hub":
    case "hub-wizard":
      return "#/hubs";
    default:
      return hrefOf(route);
  }
}

function titleOf(route: Route): string {
  switch (route.page) {
    case "stream":
    case "hub":
      return route.name;
    case "edge":
      return `${route.name}, edge configuration`;
    case "hub-wizard":
      return "Add a hub";
    case "add-camera":
      return "Add a camera";
    case "keys":
      return "Access keys";
    case "nowhere":
      return "Not found";
    default:
      return route.page.charAt(0).toUpperCase() + route.page.slice(1);
  }
}
