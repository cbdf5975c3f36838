import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import { useEffect, useState } from "react";
import { useApi } from "../../api/api";
import { deleteEdge, describeEdge, startEdgeUpdate } from "../../api/edge";
import type { Failure } from "../../api/failure";
import { checkEdgeForm, type EdgeForm, edgeConfigOf, EMPTY_EDGE_FORM, edgeFormOf, neverRuns } from "../../logic/edge-form";
import { hrefOf } from "../../logic/route";
import { isSyncUnderWay } from "../../logic/status";
import { useAction } from "../../ui/action";
import { Confirm } from "../../ui/confirm";
import { Frame } from "../../ui/frame";
import { useLoad } from "../../ui/load";
import { NeverUploaded } from "../../ui/never-uploaded";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { EdgeFields } from "./fields";
import { SyncPanel } from "./sync-panel";

export function EdgePage({ name }: { name: string }) {
  const { kinesisVideo, settings } = useApi();
  const notices = useNotices();
  const place = { region: settings.Region, account: settings.AccountId };
  const edge = useLoad(`edge ${name}`, async () => ({ found: await describeEdge(kinesisVideo, name) }), 2000);
  const [form, setForm] = useState<EdgeForm>();
  const [asked, setAsked] = useState(false);
  const [over, setOver] = useState<readonly string[]>([]);
  const { busy, failure, act } = useAction();
  const [deleting, setDeleting] = useState(false);
  const found = edge.data?.found;
  const config = found?.EdgeConfig;
  useEffect(() => {
    // What is being typed stays when the status is read again.
    if (edge.data) setForm((before) => before ?? (config ? edgeFormOf(config, place) : EMPTY_EDGE_FORM));
  }, [edge.data]);
  const underWay = isSyncUnderWay(found?.SyncStatus);
  const errors = checkEdgeForm(form ?? EMPTY_EDGE_FORM, over);
  const save = async () => {
    setAsked(true);
    if (!form || Object.keys(errors).length > 0) return;
    await act(async () => {
      await startEdgeUpdate(kinesisVideo, name, edgeConfigOf(form, place));
      notices.done("The configuration was saved and is on its way to the hub.");
      edge.reload();
    });
  };
  if (edge.failure && !edge.data) return <Problem failure={edge.failure} retry={edge.reload} />;
  return (
    <Frame
      title="Edge configuration"
      description={`What a hub records into the stream ${name}, when it uploads, what it deletes.`}
      above={[
        { text: "Streams", href: "#/streams" },
        { text: name, href: hrefOf({ page: "stream", name, at: undefined }) },
      ]}
      here="Edge configuration"
    >
      {found && (
        <SyncPanel
          edge={found}
          actions={
            <Button
              disabled={found.SyncStatus?.startsWith("DELETING") || underWay}
              onClick={() => setDeleting(true)}
            >
              Delete configuration
            </Button>
          }
        />
      )}
      {form ? (
        <SpaceBetween size="l">
          <EdgeFields
            form={form}
            errors={errors}
            asked={asked}
            hubIsFixed={found !== undefined}
            explained={(expression, isOver) =>
              setOver((before) => {
                if (before.includes(expression) === isOver) return before;
                return isOver ? [...before, expression] : before.filter((known) => known !== expression);
              })
            }
            change={(change) => setForm((before) => before && { ...before, ...change })}
          />
          {failure && <EdgeFailure failure={failure} />}
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="primary" loading={busy} disabled={underWay || neverRuns(form, over)} onClick={() => void save()}>
              {found ? "Save configuration" : "Start configuration"}
            </Button>
            {config && (
              <Button variant="link" onClick={() => setForm(edgeFormOf(config, place))}>
                Undo changes
              </Button>
            )}
          </SpaceBetween>
        </SpaceBetween>
      ) : (
        <Spinner size="large" />
      )}
      {deleting && (
        <Confirm
          title="Delete the edge configuration?"
          action="Delete"
          typed={name}
          close={() => setDeleting(false)}
          run={async () => {
            await deleteEdge(kinesisVideo, name);
            notices.done("The hub was told to stop and to erase the stream's local media.");
            edge.reload();
          }}
        >
          <Alert type="warning">
            The hub stops recording this stream and erases what it holds of it. Video that was not uploaded yet is lost.
            What the server holds stays.
          </Alert>
          <NeverUploaded name={name} />
        </Confirm>
      )}
    </Frame>
  );
}

function EdgeFailure({ failure }: { failure: Failure }) {
  if (failure.name === "NoDataRetentionException") {
    return (
      <Alert type="error" header="The stream keeps nothing">
        Give the stream a retention of at least an hour first: Streams, Actions, Edit.
      </Alert>
    );
  }
  return <Problem failure={failure} />;
}
