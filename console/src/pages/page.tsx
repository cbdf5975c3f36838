import Spinner from "@cloudscape-design/components/spinner";
import Link from "@cloudscape-design/components/link";
import { lazy, Suspense } from "react";
import type { Route } from "../logic/route";
import { Empty } from "../ui/empty";
import { useVisitNumber } from "../ui/route";
import { StreamsPage } from "./streams/streams";

// Loaded when they are first looked at: the first page does not wait for them.
const AddCameraPage = lazy(async () => ({ default: (await import("./cameras/add-camera")).AddCameraPage }));
const AuditPage = lazy(async () => ({ default: (await import("./audit/audit")).AuditPage }));
const EdgePage = lazy(async () => ({ default: (await import("./edge/edge")).EdgePage }));
const HubPage = lazy(async () => ({ default: (await import("./hubs/hub")).HubPage }));
const HubsPage = lazy(async () => ({ default: (await import("./hubs/hubs")).HubsPage }));
const HubWizard = lazy(async () => ({ default: (await import("./hubs/wizard")).HubWizard }));
const KeysPage = lazy(async () => ({ default: (await import("./keys/keys")).KeysPage }));
const MetricsPage = lazy(async () => ({ default: (await import("./metrics/metrics")).MetricsPage }));
const WallPage = lazy(async () => ({ default: (await import("./wall/wall")).WallPage }));
const UsersPage = lazy(async () => ({ default: (await import("./users/users")).UsersPage }));
const PasswordPage = lazy(async () => ({ default: (await import("./password")).PasswordPage }));
const StreamPage = lazy(async () => ({ default: (await import("./stream/stream")).StreamPage }));
const SecretsPage = lazy(async () => ({ default: (await import("./secrets/secrets")).SecretsPage }));

/** The page of a route. */
export function Page({ route }: { route: Route }) {
  const visit = useVisitNumber();
  return <Suspense fallback={<Spinner size="large" />}>{pageOf(route, visit)}</Suspense>;
}

function pageOf(route: Route, visit: number) {
  switch (route.page) {
    case "streams":
      return <StreamsPage />;
    case "stream":
      return <StreamPage key={visit} name={route.name} at={route.at} />;
    case "wall":
      return <WallPage key={visit} streams={route.streams} at={route.at} />;
    case "edge":
      return <EdgePage key={route.name} name={route.name} />;
    case "hubs":
      return <HubsPage />;
    case "add-camera":
      return <AddCameraPage />;
    case "hub-wizard":
      return <HubWizard />;
    case "hub":
      return <HubPage key={route.name} name={route.name} />;
    case "keys":
      return <KeysPage />;
    case "users":
      return <UsersPage />;
    case "password":
      return <PasswordPage />;
    case "secrets":
      return <SecretsPage />;
    case "audit":
      return <AuditPage />;
    case "metrics":
      return <MetricsPage />;
    default:
      return (
        <Empty title="There is no such page">
          <Link href="#/streams">Go to the streams</Link>
        </Empty>
      );
  }
}
