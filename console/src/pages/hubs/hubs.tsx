import { useCollection } from "@cloudscape-design/collection-hooks";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useApi } from "../../api/api";
import type { HubSummary } from "../../api/operations";
import { clockState } from "../../logic/hub";
import { Empty } from "../../ui/empty";
import { HubLink } from "../../ui/hub-link";
import { useLoad } from "../../ui/load";
import { Problem } from "../../ui/problem";
import { go } from "../../ui/route";
import { Time } from "../../ui/time";

const columns: TableProps.ColumnDefinition<HubSummary>[] = [
  {
    id: "name",
    header: "Hub",
    isRowHeader: true,
    sortingField: "HubDeviceArn",
    cell: (hub) => <HubLink arn={hub.HubDeviceArn} />,
  },
  { id: "contact", header: "Contact", sortingField: "InContact", cell: (hub) => <Contact hub={hub} /> },
  {
    id: "seen",
    header: "Last seen",
    sortingField: "LastSeenTimestamp",
    cell: (hub) => <Time at={hub.LastSeenTimestamp && hub.LastSeenTimestamp * 1000} relative />,
  },
  { id: "streams", header: "Cameras", sortingField: "StreamCount", cell: (hub) => hub.StreamCount },
  {
    id: "recorders",
    header: "Recorders",
    sortingField: "FailingRecorderCount",
    cell: (hub) => <Recorders hub={hub} />,
  },
  { id: "clock", header: "Clock", sortingField: "ClockSkewMilliseconds", cell: (hub) => <Clock hub={hub} /> },
  { id: "version", header: "Agent", sortingField: "AgentVersion", cell: (hub) => hub.AgentVersion ?? "–" },
];

export function Contact({ hub }: { hub: HubSummary }) {
  if (hub.RefusedAgent) return <StatusIndicator type="error">Two agents</StatusIndicator>;
  if (hub.InContact) return <StatusIndicator type="success">Online</StatusIndicator>;
  if (hub.LastSeenTimestamp === undefined) return <StatusIndicator type="pending">Never called</StatusIndicator>;
  return <StatusIndicator type="error">Offline</StatusIndicator>;
}

/** The hub's clock against the server's, as the last call told. */
export function Clock({ hub }: { hub: HubSummary }) {
  const { text, wrong } = clockState(hub.ClockSkewMilliseconds);
  return wrong ? <StatusIndicator type="warning">{text}</StatusIndicator> : text;
}

/** What the hub last said of all its recorders together. */
function Recorders({ hub }: { hub: HubSummary }) {
  if (hub.StreamCount === 0 || hub.LastSeenTimestamp === undefined) return "–";
  if (hub.FailingRecorderCount === 0) return <StatusIndicator type="success">No trouble</StatusIndicator>;
  return <StatusIndicator type="error">{hub.FailingRecorderCount} in trouble</StatusIndicator>;
}

export function HubsPage() {
  const { extensions, rights } = useApi();
  const hubs = useLoad("hubs", () => extensions.listHubs(), 5000);
  const add = rights.access && (
    <Button variant="primary" onClick={() => go({ page: "hub-wizard" })}>
      Add a hub
    </Button>
  );
  const { items, collectionProps, filterProps } = useCollection(hubs.data ?? [], {
    filtering: {
      fields: ["HubDeviceArn", "AgentVersion"],
      empty: (
        <Empty title="No hubs yet">
          A hub is the machine beside the cameras. Add one: you get its key and the commands to start it.
        </Empty>
      ),
      noMatch: <Empty title="No hub matches">Clear the search to see all of them.</Empty>,
    },
    sorting: { defaultState: { sortingColumn: { sortingField: "HubDeviceArn" } } },
  });
  if (hubs.failure && !hubs.data) return <Problem failure={hubs.failure} retry={hubs.reload} />;
  return (
    <Table<HubSummary>
      {...collectionProps}
      variant="full-page"
      stickyHeader
      columnDefinitions={columns}
      items={items}
      trackBy="HubDeviceArn"
      loading={hubs.loading && !hubs.data}
      loadingText="Loading hubs"
      ariaLabels={{ tableLabel: "Hubs" }}
      filter={<TextFilter {...filterProps} filteringPlaceholder="Find hubs" filteringAriaLabel="Find hubs" />}
      header={
        <Header variant="awsui-h1-sticky" counter={hubs.data && `(${hubs.data.length})`} actions={add}>
          Hubs
        </Header>
      }
    />
  );
}
