import AppLayout from "@cloudscape-design/components/app-layout";
import SideNavigation, { type SideNavigationProps } from "@cloudscape-design/components/side-navigation";
import Spinner from "@cloudscape-design/components/spinner";
import TopNavigation from "@cloudscape-design/components/top-navigation";
import { useEffect, useMemo, useState } from "react";
import { ApiProvider, apiOf } from "./api/api";
import { failureOf } from "./api/failure";
import { endSession, type Session, useSession } from "./api/session";
import { fetchSettings, type Settings } from "./api/settings";
import { hrefOf, type Route } from "./logic/route";
import { Page } from "./pages/page";
import { SignIn } from "./pages/sign-in";
import { Welcome } from "./pages/welcome";
import { useNoticeBoard } from "./ui/notices";
import { Problem } from "./ui/problem";
import { useRoute } from "./ui/route";
import { useDarkMode } from "./ui/theme";

const NAVIGATION: SideNavigationProps.Item[] = [
  { type: "link", text: "Streams", href: "#/streams" },
  { type: "link", text: "Hubs", href: "#/hubs" },
  { type: "divider" },
  { type: "link", text: "Access keys", href: "#/keys" },
  { type: "link", text: "Secrets", href: "#/secrets" },
  { type: "divider" },
  { type: "link", text: "Audit", href: "#/audit" },
  { type: "link", text: "Metrics", href: "#/metrics" },
];

export function App() {
  const [dark, toggleDark] = useDarkMode();
  const session = useSession();
  const route = useRoute();
  const [settings, setSettings] = useState<Settings | Error>();
  useEffect(() => {
    fetchSettings().then(setSettings, (error: unknown) => setSettings(new Error(failureOf(error).message)));
  }, []);
  const loaded = settings instanceof Error ? undefined : settings;
  return (
    <>
      <header id="top">
        <TopNavigation
          identity={{ href: "#/", title: "Vigie" }}
          utilities={[
            {
              type: "button",
              text: dark ? "Light mode" : "Dark mode",
              onClick: toggleDark,
            },
            ...(session && loaded
              ? [
                  {
                    type: "menu-dropdown" as const,
                    iconName: "user-profile" as const,
                    text: session.signedInAs,
                    ariaLabel: `Signed in as ${session.signedInAs}`,
                    description: `Account ${loaded.AccountId}, ${loaded.Region}`,
                    items: [{ id: "sign-out", text: "Sign out" }],
                    onItemClick: () => endSession(),
                  },
                ]
              : []),
          ]}
        />
      </header>
      {settings instanceof Error && <Problem failure={{ name: "Unreachable", message: settings.message }} />}
      {!settings && <Spinner size="large" />}
      {loaded && route.page === "welcome" && <Welcome code={route.code} stream={route.stream} />}
      {loaded && route.page !== "welcome" && !session && <SignIn settings={loaded} />}
      {loaded && route.page !== "welcome" && session && <SignedIn settings={loaded} session={session} route={route} />}
    </>
  );
}

function SignedIn({ settings, session, route }: { settings: Settings; session: Session; route: Route }) {
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
              items={NAVIGATION}
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
      return "#/streams";
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
    case "keys":
      return "Access keys";
    case "nowhere":
      return "Not found";
    default:
      return route.page.charAt(0).toUpperCase() + route.page.slice(1);
  }
}
