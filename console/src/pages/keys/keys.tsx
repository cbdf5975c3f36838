import { useCollection } from "@cloudscape-design/collection-hooks";
import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import Popover from "@cloudscape-design/components/popover";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { AccessKey } from "../../api/operations";
import { Confirm } from "../../ui/confirm";
import { Empty } from "../../ui/empty";
import { useLoad } from "../../ui/load";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { Time } from "../../ui/time";
import { KeyDialog } from "./key-dialog";

export function KeysPage() {
  const { extensions, session } = useApi();
  const notices = useNotices();
  const keys = useLoad("keys", () => extensions.listAccessKeys(), 30_000);
  const [dialog, setDialog] = useState<"create" | "revoke">();
  const { items, collectionProps, filterProps } = useCollection(keys.data ?? [], {
    filtering: {
      fields: ["AccessKeyId", "PrincipalArn"],
      empty: <Empty title="No access keys" />,
      noMatch: <Empty title="No key matches">Clear the search to see all of them.</Empty>,
    },
    sorting: { defaultState: { sortingColumn: { sortingField: "CreationTime" }, isDescending: true } },
    selection: { trackBy: "AccessKeyId" },
  });
  const selected = collectionProps.selectedItems?.[0];
  if (keys.failure && !keys.data) return <Problem failure={keys.failure} retry={keys.reload} />;
  return (
    <>
      <Table<AccessKey>
        {...collectionProps}
        variant="full-page"
        stickyHeader
        selectionType="single"
        trackBy="AccessKeyId"
        columnDefinitions={columnsFor(session.signedInAs)}
        items={items}
        loading={keys.loading && !keys.data}
        loadingText="Loading access keys"
        ariaLabels={{
          tableLabel: "Access keys",
          selectionGroupLabel: "Key to act on",
          itemSelectionLabel: (_, key) => `Select ${key.AccessKeyId}`,
        }}
        filter={<TextFilter {...filterProps} filteringPlaceholder="Find keys" filteringAriaLabel="Find keys" />}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={keys.data && `(${keys.data.length})`}
            description="Whoever calls this server signs with one of these. Give each hub and each program its own."
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button
                  disabled={!selected || selected.RevocationTime !== undefined}
                  onClick={() => setDialog("revoke")}
                >
                  Revoke
                </Button>
                <Button variant="primary" onClick={() => setDialog("create")}>
                  Create access key
                </Button>
              </SpaceBetween>
            }
          >
            Access keys
          </Header>
        }
      />
      {dialog === "create" && <KeyDialog close={() => setDialog(undefined)} created={keys.reload} />}
      {dialog === "revoke" && selected && (
        <Confirm
          title={`Revoke ${selected.AccessKeyId}?`}
          action="Revoke"
          close={() => setDialog(undefined)}
          run={async () => {
            await extensions.revokeAccessKey(selected.AccessKeyId);
            notices.done(`Access key ${selected.AccessKeyId} was revoked.`);
            keys.reload();
          }}
        >
          <Alert type="warning">
            It ends with the next request that is signed with it, for good. A hub that uses it stops uploading until it
            has another.
            {selected.AccessKeyId === session.signedInAs && " You are signed in with this key: you will be signed out."}
          </Alert>
        </Confirm>
      )}
    </>
  );
}

function columnsFor(own: string): TableProps.ColumnDefinition<AccessKey>[] {
  return [
    {
      id: "id",
      header: "Access key ID",
      isRowHeader: true,
      sortingField: "AccessKeyId",
      cell: (key) => (
        <>
          {key.AccessKeyId} {key.AccessKeyId === own && <Badge color="blue">You</Badge>}
        </>
      ),
    },
    { id: "who", header: "Who", sortingField: "PrincipalArn", cell: (key) => key.PrincipalArn.split(":").at(-1) },
    {
      id: "may",
      header: "May do",
      cell: (key) =>
        key.Root ? (
          "Everything"
        ) : (
          <Popover header="Policy" size="large" content={<pre>{pretty(key.PolicyDocument)}</pre>}>
            What its policy allows
          </Popover>
        ),
    },
    {
      id: "state",
      header: "State",
      sortingField: "RevocationTime",
      cell: (key) =>
        key.RevocationTime === undefined ? (
          <StatusIndicator type="success">Valid</StatusIndicator>
        ) : (
          <StatusIndicator type="stopped">
            Revoked <Time at={key.RevocationTime * 1000} relative />
          </StatusIndicator>
        ),
    },
    {
      id: "created",
      header: "Created",
      sortingField: "CreationTime",
      cell: (key) => <Time at={key.CreationTime * 1000} relative />,
    },
  ];
}

function pretty(policy: string | undefined): string {
  try {
    return JSON.stringify(JSON.parse(policy ?? ""), null, 2);
  } catch {
    return policy ?? "";
  }
}
