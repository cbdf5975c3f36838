import type { StreamInfo } from "@aws-sdk/client-kinesis-video";
import Link from "@cloudscape-design/components/link";
import type { TableProps } from "@cloudscape-design/components/table";
import { hrefOf } from "../../logic/route";
import { retentionText } from "../../logic/units";
import { StreamStatus } from "../../ui/status";
import { Time } from "../../ui/time";

export const columns: TableProps.ColumnDefinition<StreamInfo>[] = [
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
    id: "created",
    header: "Created",
    sortingField: "CreationTime",
    cell: (stream) => <Time at={stream.CreationTime} relative />,
  },
];
