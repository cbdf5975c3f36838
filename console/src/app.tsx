import Spinner from "@cloudscape-design/components/spinner";
import TopNavigation from "@cloudscape-design/components/top-navigation";
import { lazy, Suspense, useEffect, useState } from "react";
import { failureOf } from "./api/failure";
import { endSession, useSession } from "./api/session";
import { fetchSettings, type Settings } from "./api/settings";
import { SignIn } from "./pages/sign-in";
import { Welcome } from "./pages/welcome";
import { Problem } from "./ui/problem";
import { useRoute } from "./ui/route";
import { useDarkMode } from "./ui/theme";

// Loaded while somebody types a key: the sign-in page does not wait for it.
const whole = () => import("./signed-in");
const SharedPage = lazy(async () => ({ default: (await import("./pages/shared/shared")).SharedPage }));
const SignedIn = lazy(async () => ({ default: (await whole()).SignedIn }));

export function App() {
  const [dark, toggleDark] = useDarkMode();
  const session = useSession();
  const route = useRoute();
  const isShared = route.page === "shared";
  const [settings, setSettings] = useState<Settings | Error>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    fetchSettings().then(setSettings, (error: unknown) => setSettings(new Error(failureOf(error).message)));
  }, [round]);
  useEffect(() => {
    if (!session && !isShared) void whole();
  }, [session, isShared]);
  const loaded = settings instanceof Error ? undefined : settings;
  return (
    <>
      <header id="top">
        <TopNavigation
          identity={{ href: isShared ? location.hash : "#/", title: "Vigie" }}
          utilities={[
            {
              type: "button",
              text: dark ? "Light mode" : "Dark mode",
              onClick: toggleDark,
            },
            ...(session && loaded && !isShared
              ? [
                  {
                    type: "menu-dropdown" as const,
                    iconName: "user-profile" as const,
                    text: session.signedInAs,
                    ariaLabel: `Signed in as ${session.signedInAs}`,
                    description: `Account ${loaded.AccountId}, ${loaded.Region}`,
                    items: [
                      ...(session.user ? [{ id: "password", text: "Change password", href: "#/password" }] : []),
                      { id: "sign-out", text: "Sign out" },
                    ],
                    onItemClick: ({ detail }: { detail: { id: string } }) => detail.id === "sign-out" && endSession(),
                  },
                ]
              : []),
          ]}
        />
      </header>
      {route.page === "shared" && (
        <Suspense fallback={<Spinner size="large" />}>
          <SharedPage key={route.secret} secret={route.secret} />
        </Suspense>
      )}
      {!isShared && settings instanceof Error && (
        <Problem
          failure={{ name: "Unreachable", message: settings.message }}
          retry={() => setRound((before) => before + 1)}
        />
      )}
      {!isShared && !settings && <Spinner size="large" />}
      {loaded && route.page === "welcome" && <Welcome code={route.code} stream={route.stream} />}
      {loaded && route.page !== "welcome" && !isShared && !session && <SignIn settings={loaded} />}
      {loaded && route.page !== "welcome" && !isShared && session && (
        <Suspense fallback={<Spinner size="large" />}>
          <SignedIn settings={loaded} session={session} route={route} />
        </Suspense>
      )}
    </>
  );
}
