import { useCollection } from "@cloudscape-design/collection-hooks";
import Badge from "@cloudscape-design/components/badge";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { User } from "../../api/operations";
import { ROLE_NAMES, streamsText } from "../../logic/user-form";
import { Confirm } from "../../ui/confirm";
import { Empty } from "../../ui/empty";
import { useLoad } from "../../ui/load";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { Time } from "../../ui/time";
import { DisableDialog, PasswordDialog, UserDialog } from "./user-dialog";

type Open = "create" | "role" | "password" | "disable" | "sign-out" | "remove";

export function UsersPage() {
  const { extensions, session } = useApi();
  const notices = useNotices();
  const users = useLoad("users", () => extensions.listUsers(), 30_000);
  const [open, setOpen] = useState<Open>();
  const { items, collectionProps, filterProps } = useCollection(users.data ?? [], {
    filtering: {
      fields: ["UserName", "Role"],
      empty: <Empty title="No users yet">Whoever is to look at cameras signs in with a name and a password.</Empty>,
      noMatch: <Empty title="No user matches">Clear the search to see all of them.</Empty>,
    },
    sorting: { defaultState: { sortingColumn: { sortingField: "UserName" } } },
    selection: { trackBy: "UserId" },
  });
  const selected = collectionProps.selectedItems?.[0];
  if (users.failure && !users.data) return <Problem failure={users.failure} retry={users.reload} />;
  const close = () => setOpen(undefined);
  const done = (text: string) => {
    notices.done(text);
    users.reload();
  };
  const isOwn = selected !== undefined && session.user !== undefined && selected.UserName === session.signedInAs;
  return (
    <>
      <Table<User>
        {...collectionProps}
        variant="full-page"
        stickyHeader
        selectionType="single"
        trackBy="UserId"
        columnDefinitions={columnsFor(session.user && session.signedInAs)}
        items={items}
        loading={users.loading && !users.data}
        loadingText="Loading users"
        ariaLabels={{
          tableLabel: "Users",
          selectionGroupLabel: "User to act on",
          itemSelectionLabel: (_, user) => `Select ${user.UserName}`,
        }}
        filter={<TextFilter {...filterProps} filteringPlaceholder="Find users" filteringAriaLabel="Find users" />}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={users.data && `(${users.data.length})`}
            description="People who sign in here with a name and a password. Hubs and programs have access keys."
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <ButtonDropdown
                  disabled={!selected}
                  items={[
                    { id: "role", text: "Role and streams" },
                    { id: "password", text: "New password" },
                    { id: "sign-out", text: "Sign out" },
                    { id: "disable", text: selected?.Disabled ? "Enable" : "Disable" },
                    { id: "remove", text: "Remove" },
                  ]}
                  onItemClick={({ detail }) => setOpen(detail.id as Open)}
                >
                  Actions
                </ButtonDropdown>
                <Button variant="primary" onClick={() => setOpen("create")}>
                  Create user
                </Button>
              </SpaceBetween>
            }
          >
            Users
          </Header>
        }
      />
      {open === "create" && <UserDialog close={close} done={done} />}
      {open === "role" && selected && <UserDialog user={selected} close={close} done={done} />}
      {open === "password" && selected && <PasswordDialog user={selected} close={close} done={done} />}
      {open === "disable" && selected && <DisableDialog user={selected} close={close} done={done} />}
      {open === "sign-out" && selected && (
        <Confirm
          title={`Sign ${selected.UserName} out?`}
          action="Sign out"
          close={close}
          run={async () => {
            await extensions.signOutUser(selected.UserName);
            done(`${selected.UserName} was signed out everywhere.`);
          }}
        >
          All its sessions end, and the video that it watches{isOwn && ". These are yours"}.
        </Confirm>
      )}
      {open === "remove" && selected && (
        <Confirm
          title={`Remove ${selected.UserName}?`}
          action="Remove"
          close={close}
          run={async () => {
            await extensions.deleteUser(selected.UserName);
            done(`User ${selected.UserName} was removed.`);
          }}
        >
          All its sessions end{isOwn && ", this one as well"}. What the audit log says of it stays.
        </Confirm>
      )}
    </>
  );
}

function columnsFor(own: string | undefined): TableProps.ColumnDefinition<User>[] {
  return [
    {
      id: "name",
      header: "Name",
      isRowHeader: true,
      sortingField: "UserName",
      cell: (user) => (
        <>
          {user.UserName} {user.UserName === own && <Badge color="blue">You</Badge>}
        </>
      ),
    },
    { id: "role", header: "Role", sortingField: "Role", cell: (user) => ROLE_NAMES[user.Role] },
    { id: "streams", header: "Streams", cell: streamsText },
    {
      id: "state",
      header: "State",
      sortingField: "Disabled",
      cell: (user) =>
        user.Disabled ? (
          <StatusIndicator type="stopped">Disabled</StatusIndicator>
        ) : (
          <StatusIndicator type="success">Enabled</StatusIndicator>
        ),
    },
    {
      id: "signed-in",
      header: "Last sign-in",
      sortingField: "LastSignInTime",
      cell: (user) => <Time at={user.LastSignInTime && user.LastSignInTime * 1000} relative />,
    },
    {
      id: "created",
      header: "Created",
      sortingField: "CreationTime",
      cell: (user) => <Time at={user.CreationTime * 1000} relative />,
    },
  ];
}
