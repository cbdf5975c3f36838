import type { StreamInfo } from "@aws-sdk/client-kinesis-video";
import Box from "@cloudscape-design/components/box";
import Link from "@cloudscape-design/components/link";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { TableProps } from "@cloudscape-design/components/table";
import { hrefOf } from "../../logic/route";
import { type Trouble, troublesOf } from "../../logic/troubles";
import { retentionText, sizeText } from "../../logic/units";
import { StreamStatus, SyncStatus } from "../../ui/status";
import { Time } from "../../ui/time";
import type { HubTruth, StreamFacts } from "./facts";
import { Thumbnail } from "./thumbnail";

/** A stream, with what its hub says of it. */
export interface Row extends StreamInfo {
  troubles: Trouble[];
  /** See `rankOf`. */
  rank: string;
  /** The troubles in words, to be searched. */
  said: string;
}

/** `pictures`: whether the server makes any. */
export function columnsFor(
  facts: Map<string, StreamFacts>,
  { hubs }: HubTruth,
  pictures: boolean,
): TableProps.ColumnDefinition<Row>[] {
  /** What the list knows of one that is looked at is more than what hubs say of all. */
  const troublesIn = (row: Row) => {
    const edge = of(row)?.edge;
    const hub = hubs.find(({ HubDeviceArn }) => HubDeviceArn === edge?.EdgeConfig?.HubDeviceArn);
    return edge ? troublesOf(edge, hub) : row.troubles;
  };
  const of = (stream: Row) => facts.get(stream.StreamName ?? "");
  const newest = (stream: Row) => of(stream)?.media?.NewestTimestamp;
  return [
    ...(pictures
      ? [
          {
            id: "picture",
            header: "Picture",
            cell: (stream: Row) => <Thumbnail name={stream.StreamName ?? ""} newest={newest(stream)} />,
          },
        ]
      : []),
    {
      id: "name",
      header: "Name",
      isRowHeader: true,
      sortingField: "StreamName",
      cell: (stream) => (
        <>
          <Link href={hrefOf({ page: "stream", name: stream.StreamName ?? "", at: undefined })}>{stream.StreamName}</Link>
          {stream.Status !== "ACTIVE" && <StreamStatus status={stream.Status} />}
        </>
      ),
    },
    {
      id: "trouble",
      header: "Trouble",
      sortingField: "rank",
      minWidth: 220,
      cell: (row) => <Troubles troubles={troublesIn(row)} />,
    },
    {
      id: "retention",
      header: "Retention",
      sortingField: "DataRetentionInHours",
      cell: (stream) => retentionText(stream.DataRetentionInHours ?? 0),
    },
    {
      id: "stored",
      header: "Stored",
      cell: (stream) => {
        const media = of(stream)?.media;
        return media ? sizeText(media.SizeBytes) : "–";
      },
    },
    {
      id: "last",
      header: "Last media",
      cell: (stream) => {
        const at = newest(stream);
        return <Time at={at && at * 1000} relative />;
      },
    },
    {
      id: "edge",
      header: "Edge configuration",
      cell: (stream) => {
        const found = of(stream);
        return found ? <SyncStatus status={found.edge?.SyncStatus} /> : "–";
      },
    },
    {
      id: "created",
      header: "Created",
      sortingField: "CreationTime",
      cell: (stream) => <Time at={stream.CreationTime} relative />,
    },
  ];
}

/** What keeps the camera from being recorded or uploaded. */
function Troubles({ troubles }: { troubles: Trouble[] }) {
  if (troubles.length === 0) return <>None</>;
  return troubles.map(({ type, title, text }) => (
    <div key={title}>
      <StatusIndicator type={type}>{title}</StatusIndicator>
      <Box fontSize="body-s" color="text-body-secondary">
        {text}
      </Box>
    </div>
  ));
}
