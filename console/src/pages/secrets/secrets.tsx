import type { SecretListEntry } from "@aws-sdk/client-secrets-manager";
import { useCollection } from "@cloudscape-design/collection-hooks";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";
import { useApi } from "../../api/api";
import { deleteSecret, listSecrets } from "../../api/secrets";
import { Confirm } from "../../ui/confirm";
import { Empty } from "../../ui/empty";
import { useLoad } from "../../ui/load";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { Time } from "../../ui/time";
import { SecretDialog } from "./secret-dialog";

const columns: TableProps.ColumnDefinition<SecretListEntry>[] = [
  { id: "name", header: "Name", isRowHeader: true, sortingField: "Name", cell: (secret) => secret.Name },
  {
    id: "changed",
    header: "Value changed",
    sortingField: "LastChangedDate",
    cell: (secret) => <Time at={secret.LastChangedDate ?? secret.CreatedDate} relative />,
  },
  {
    id: "created",
    header: "Created",
    sortingField: "CreatedDate",
    cell: (secret) => <Time at={secret.CreatedDate} relative />,
  },
];

export function SecretsPage() {
  const { secrets } = useApi();
  const notices = useNotices();
  const loaded = useLoad("secrets", () => listSecrets(secrets), 30_000);
  const [dialog, setDialog] = useState<"create" | "change" | "delete">();
  const create = (
    <Button variant="primary" onClick={() => setDialog("create")}>
      Create secret
    </Button>
  );
  const { items, collectionProps, filterProps } = useCollection(loaded.data ?? [], {
    filtering: {
      fields: ["Name"],
      empty: (
        <Empty title="No secrets yet">
          A secret holds a camera's address with its password. Create one for each camera; hubs alone read it.
        </Empty>
      ),
      noMatch: <Empty title="No secret matches">Clear the search to see all of them.</Empty>,
    },
    sorting: { defaultState: { sortingColumn: { sortingField: "Name" } } },
    selection: { trackBy: "ARN" },
  });
  const selected = collectionProps.selectedItems?.[0];
  const name = selected?.Name ?? "";
  const arn = selected?.ARN ?? "";
  const close = () => setDialog(undefined);
  if (loaded.failure && !loaded.data) return <Problem failure={loaded.failure} retry={loaded.reload} />;
  return (
    <>
      <Table<SecretListEntry>
        {...collectionProps}
        variant="full-page"
        stickyHeader
        selectionType="single"
        trackBy="ARN"
        columnDefinitions={columns}
        items={items}
        loading={loaded.loading && !loaded.data}
        loadingText="Loading secrets"
        ariaLabels={{
          tableLabel: "Secrets",
          selectionGroupLabel: "Secret to act on",
          itemSelectionLabel: (_, secret) => `Select ${secret.Name}`,
        }}
        filter={<TextFilter {...filterProps} filteringPlaceholder="Find secrets" filteringAriaLabel="Find secrets" />}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={loaded.data && `(${loaded.data.length})`}
            description="Cameras' addresses with their passwords. They can be written here, and read by hubs only."
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button disabled={!selected} onClick={() => setDialog("change")}>
                  Set new value
                </Button>
                <Button disabled={!selected} onClick={() => setDialog("delete")}>
                  Delete
                </Button>
                {create}
              </SpaceBetween>
            }
          >
            Secrets
          </Header>
        }
      />
      {dialog === "create" && (
        <SecretDialog
          close={close}
          done={(_, made) => {
            notices.done(`Secret ${made} was created.`);
            loaded.reload();
          }}
        />
      )}
      {dialog === "change" && selected && (
        <SecretDialog
          secret={{ name, arn }}
          close={close}
          done={() => {
            notices.done(`Secret ${name} has a new value.`);
            loaded.reload();
          }}
        />
      )}
      {dialog === "delete" && selected && (
        <Confirm
          title={`Delete ${name}?`}
          action="Delete"
          typed={name}
          close={close}
          run={async () => {
            await deleteSecret(secrets, arn);
            notices.done(`Secret ${name} was deleted.`);
            loaded.reload();
          }}
        >
          <Alert type="warning">It is gone at once. A hub that needs it cannot open its camera any more.</Alert>
        </Confirm>
      )}
    </>
  );
}
