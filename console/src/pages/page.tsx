import Box from "@cloudscape-design/components/box";
import Link from "@cloudscape-design/components/link";
import type { Route } from "../logic/route";
import { Empty } from "../ui/empty";
import { StreamsPage } from "./streams/streams";

/** The page of a route. */
export function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "streams":
      return <StreamsPage />;
    default:
      return (
        <Box>
          <Empty title="There is no such page">
            <Link href="#/streams">Go to the streams</Link>
          </Empty>
        </Box>
      );
  }
}
