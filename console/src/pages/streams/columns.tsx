import type { StreamInfo } from "@aws-sdk/client-kinesis-video";
import Box from "@cloudscape-design/components/box";
import Link from "@cloudscape-design/components/link";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { TableProps } from "@cloudscape-design/components/table";
import { hrefOf } from "../../logic/route";
import { troublesOf } from "../../logic/troubles";
import { retentionText, sizeText } from "../../logic/units";
import { StreamStatus, SyncStatus } from "../../ui/status";
import { Time } from "../../ui/time";
import type { StreamFacts } from "./facts";
import { Thumbnail } from "./thumbnail";

/** `pictures`: whether the server makes any. */
export function columnsFor(
  facts: Map<string, StreamFacts>,
  pictures: boolean,
): TableProps.ColumnDefinition<StreamInfo>[] {
  const of = (stream: StreamInfo) => facts.get(stream.StreamName ?? "");
  const newest = (stream: StreamInfo) => of(stream)?.media?.NewestTimestamp;
  return [
    ...(pictures
      ? [
          {
            id: "picture",
            header: "Picture",
            cell: (stream: StreamInfo) => <Thumbnail name={stream.StreamName ?? ""} newest={newest(stream)} />,
          },
        ]
      : []),
    {
      id: "name",
      header: "Name",
      isRowHeader: true,
      sortingField: "StreamName",
      cell: (stream) => (
        <Link href={hrefOf({ page: "stream", name: stream.StreamName ?? "", at: undefined })}>{stream.StreamName}</Link>
      ),
    },
    {
      id: "status",
      header: "Status",
      sortingField: "Status",
      cell: (stream) => <StreamStatus status={stream.Status} />,
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
      minWidth: 220,
      cell: (stream) => {
        const found = of(stream);
        return found ? <Edge {...found} /> : "–";
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

/** How far the configuration is; and what keeps the camera from being recorded or uploaded. */
function Edge({ edge, hub }: StreamFacts) {
  return (
    <>
      <SyncStatus status={edge?.SyncStatus} />
      {troublesOf(edge, hub).map(({ type, title, text }) => (
        <div key={title}>
          <StatusIndicator type={type}>{title}</StatusIndicator>
          <Box fontSize="body-s" color="text-body-secondary">
            {text}
          </Box>
        </div>
      ))}
    </>
  );
}
