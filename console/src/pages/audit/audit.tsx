import { useCollection } from "@cloudscape-design/collection-hooks";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { AuditEvent } from "../../api/operations";
import { eventId, keyText, outcomeDetails, subjectText, whoText } from "../../logic/audit";
import { useAction } from "../../ui/action";
import { Empty } from "../../ui/empty";
import { useLoad } from "../../ui/load";
import { Problem } from "../../ui/problem";
import { Time } from "../../ui/time";

const columns: TableProps.ColumnDefinition<AuditEvent>[] = [
  { id: "time", header: "Time", cell: (event) => <Time at={event.EventTime * 1000} /> },
  {
    id: "action",
    header: "Action",
    isRowHeader: true,
    cell: (event) => (
      <span title={event.RequestId && `Request ${event.RequestId}`}>{event.Action.split(":").at(-1)}</span>
    ),
  },
  {
    id: "resource",
    header: "Resource",
    maxWidth: 280,
    cell: (event) => <span title={event.Resource ?? event.Path}>{subjectText(event)}</span>,
  },
  {
    id: "outcome",
    header: "Outcome",
    cell: (event) => (
      <>
        {event.ErrorCode ? (
          <StatusIndicator type="error">{event.ErrorCode.replace(/Exception$/, "")}</StatusIndicator>
        ) : (
          <StatusIndicator type="success">Done</StatusIndicator>
        )}
        {outcomeDetails(event).map((detail) => (
          <Box key={detail} fontSize="body-s" color="text-body-secondary">
            {detail}
          </Box>
        ))}
      </>
    ),
  },
  { id: "who", header: "Who", cell: (event) => whoText(event.PrincipalArn) },
  { id: "from", header: "From", cell: (event) => event.RemoteAddress ?? "–" },
  { id: "key", header: "Access key", cell: keyText },
];

export function AuditPage() {
  const { extensions } = useApi();
  const first = useLoad("audit", () => extensions.listAuditEvents(), 10_000);
  const [older, setOlder] = useState<{ events: AuditEvent[]; next: string | undefined }>();
  const { busy, failure, act } = useAction();
  const newest = first.data?.Events ?? [];
  const seen = new Set(newest.map(eventId));
  const events = [...newest, ...(older?.events ?? []).filter((event) => !seen.has(eventId(event)))];
  const next = older ? older.next : first.data?.NextToken;
  const more = () =>
    act(async () => {
      const page = await extensions.listAuditEvents(next);
      setOlder({ events: [...(older?.events ?? newest), ...page.Events], next: page.NextToken });
    });
  const { items, collectionProps, filterProps } = useCollection(events, {
    filtering: {
      fields: ["Action", "Resource", "Path", "PrincipalArn", "AccessKeyId", "ErrorCode", "RemoteAddress", "RequestId"],
      empty: (
        <Empty title="Nothing was changed yet">Each call that changes something is listed here: who, what, from where; and what the server erases, sign-ins and refused signatures.</Empty>
      ),
      noMatch: <Empty title="No event matches">Clear the search to see all of them.</Empty>,
    },
  });
  if (first.failure && !first.data) return <Problem failure={first.failure} retry={first.reload} />;
  return (
    <>
      <Table<AuditEvent>
        {...collectionProps}
        variant="full-page"
        stickyHeader
        columnDefinitions={columns}
        items={items}
        trackBy={eventId}
        loading={first.loading && !first.data}
        loadingText="Loading events"
        ariaLabels={{ tableLabel: "Audit" }}
        filter={<TextFilter {...filterProps} filteringPlaceholder="Find events" filteringAriaLabel="Find events" />}
        header={
          <Header variant="awsui-h1-sticky" description="What changed something, or was to, and signatures that were refused; newest first.">
            Audit
          </Header>
        }
        footer={
          next && (
            <Box textAlign="center">
              {failure && <Problem failure={failure} />}
              <Button loading={busy} onClick={() => void more()}>
                Load older events
              </Button>
            </Box>
          )
        }
      />
    </>
  );
}
