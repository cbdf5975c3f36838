import type { StreamInfo } from "@aws-sdk/client-kinesis-video";
import { useCollection } from "@cloudscape-design/collection-hooks";
import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Header from "@cloudscape-design/components/header";
import Pagination from "@cloudscape-design/components/pagination";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import TextFilter from "@cloudscape-design/components/text-filter";
import Toggle from "@cloudscape-design/components/toggle";
import { useMemo, useState } from "react";
import { useApi } from "../../api/api";
import { deleteStream, listStreams } from "../../api/streams";
import { hrefOf } from "../../logic/route";
import { rankOf } from "../../logic/troubles";
import { Confirm } from "../../ui/confirm";
import { Empty } from "../../ui/empty";
import { useLoad } from "../../ui/load";
import { NeverUploaded } from "../../ui/never-uploaded";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { go } from "../../ui/route";
import { columnsFor, type Row } from "./columns";
import { type HubTruth, useFacts, useHubTruth } from "./facts";
import { StreamDialog } from "./stream-dialog";
import { TagsDialog } from "./tags-dialog";

type Dialog = "create" | "edit" | "tags" | "delete" | undefined;

export function StreamsPage() {
  const { kinesisVideo, settings, rights } = useApi();
  const notices = useNotices();
  const streams = useLoad("streams", () => listStreams(kinesisVideo), 10_000);
  const [dialog, setDialog] = useState<Dialog>();
  const create = () => setDialog("create");
  const truth = useHubTruth();
  const [onlyTrouble, setOnlyTrouble] = useState(false);
  const rows = useMemo(() => (streams.data ?? []).map((stream) => rowOf(stream, truth)), [streams.data, truth]);
  const inTrouble = rows.filter(({ troubles }) => troubles.length > 0);
  const { items, collectionProps, filterProps, filteredItemsCount, paginationProps } = useCollection(
    onlyTrouble ? inTrouble : rows,
    {
      filtering: {
        fields: ["StreamName", "Status", "DeviceName", "MediaType", "said"],
        empty: onlyTrouble ? (
          <Empty title="No stream is in trouble" />
        ) : !rights.cameras ? (
          <Empty title="No streams for you yet">An administrator says which streams you see.</Empty>
        ) : (
          <Empty
            title="No streams yet"
            action={
              <Button variant="primary" href={hrefOf({ page: "add-camera" })}>
                Add the first camera
              </Button>
            }
          >
            A stream keeps the video of one camera. Adding a camera makes one and has a hub record into it.
          </Empty>
        ),
        noMatch: <Empty title="No stream matches">Clear the search to see all of them.</Empty>,
      },
      pagination: { pageSize: 20 },
      sorting: { defaultState: { sortingColumn: { sortingField: "rank" } } },
      selection: { trackBy: "StreamARN" },
    },
  );
  const facts = useFacts(items.map(({ StreamName }) => StreamName ?? ""));
  const selected = collectionProps.selectedItems?.[0];
  const done = (text: string) => {
    notices.done(text);
    streams.reload();
  };
  if (streams.failure && !streams.data) return <Problem failure={streams.failure} retry={streams.reload} />;
  return (
    <>
      <Table<Row>
        {...collectionProps}
        variant="full-page"
        stickyHeader
        selectionType="single"
        trackBy="StreamARN"
        loading={streams.loading && !streams.data}
        loadingText="Loading streams"
        columnDefinitions={columnsFor(facts, truth, settings.Images)}
        items={items}
        ariaLabels={{
          tableLabel: "Streams",
          selectionGroupLabel: "Stream to act on",
          itemSelectionLabel: (_, item) => `Select ${item.StreamName}`,
        }}
        filter={
          <div className="filters">
            <TextFilter
              {...filterProps}
              filteringPlaceholder="Find streams"
              filteringAriaLabel="Find streams"
              countText={`${filteredItemsCount ?? 0} found`}
            />
            <Toggle checked={onlyTrouble} onChange={({ detail }) => setOnlyTrouble(detail.checked)}>
              In trouble ({inTrouble.length})
            </Toggle>
          </div>
        }
        pagination={<Pagination {...paginationProps} />}
        header={
          <Header
            variant="awsui-h1-sticky"
            counter={streams.data && `(${streams.data.length})`}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <ButtonDropdown
                  disabled={!selected}
                  items={[
                    { id: "open", text: "Open" },
                    ...(rights.cameras ? [{ id: "edge", text: "Edge configuration" }] : []),
                    ...(rights.streams ? [{ id: "edit", text: "Edit" }] : []),
                    ...(rights.tags ? [{ id: "tags", text: "Manage tags" }] : []),
                    ...(rights.cameras ? [{ id: "delete", text: "Delete" }] : []),
                  ]}
                  onItemClick={({ detail }) => {
                    const name = selected?.StreamName ?? "";
                    if (detail.id === "open") go({ page: "stream", name, at: undefined });
                    else if (detail.id === "edge") go({ page: "edge", name });
                    else setDialog(detail.id as Dialog);
                  }}
                >
                  Actions
                </ButtonDropdown>
                {rights.cameras && <Button onClick={create}>Create stream</Button>}
                {rights.cameras && (
                  <Button variant="primary" href={hrefOf({ page: "add-camera" })}>
                    Add a camera
                  </Button>
                )}
              </SpaceBetween>
            }
          >
            Streams
          </Header>
        }
      />
      {dialog === "create" && <StreamDialog close={() => setDialog(undefined)} done={done} />}
      {dialog === "edit" && selected && (
        <StreamDialog stream={selected} close={() => setDialog(undefined)} done={done} />
      )}
      {dialog === "tags" && selected && (
        <TagsDialog streamName={selected.StreamName ?? ""} close={() => setDialog(undefined)} done={done} />
      )}
      {dialog === "delete" && selected && (
        <DeleteStream stream={selected} close={() => setDialog(undefined)} done={done} />
      )}
    </>
  );
}

function rowOf(stream: StreamInfo, { troubles: all }: HubTruth): Row {
  const troubles = all.get(stream.StreamName ?? "") ?? [];
  const said = troubles.map(({ title, text }) => `${title} ${text}`).join(" ");
  return { ...stream, troubles, said, rank: rankOf(troubles, stream.StreamName ?? "") };
}

interface DeleteProps {
  stream: StreamInfo;
  close: () => void;
  done: (text: string) => void;
}

export function DeleteStream({ stream, close, done }: DeleteProps) {
  const { kinesisVideo } = useApi();
  const name = stream.StreamName ?? "";
  return (
    <Confirm
      title={`Delete ${name}?`}
      action="Delete"
      typed={name}
      close={close}
      run={async () => {
        await deleteStream(kinesisVideo, stream.StreamARN ?? "");
        done(`Stream ${name} was deleted.`);
      }}
    >
      <Alert type="warning">
        All video of this stream on the server is erased for good. Its edge configuration goes with it: the hub stops
        recording the stream and erases what it holds of it, uploaded or not. To keep what is not uploaded yet, let it be
        uploaded first.
      </Alert>
      <NeverUploaded name={name} />
    </Confirm>
  );
}
