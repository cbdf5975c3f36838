import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ButtonDropdown from "@cloudscape-design/components/button-dropdown";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useState } from "react";
import { useApi } from "../../api/api";
import { describeEdge } from "../../api/edge";
import { describeStream } from "../../api/streams";
import { jobState } from "../../logic/recording";
import { hrefOf } from "../../logic/route";
import { troublesOf } from "../../logic/troubles";
import { retentionText, sentence, sizeText } from "../../logic/units";
import { Frame } from "../../ui/frame";
import { HubLink } from "../../ui/hub-link";
import { useLoad } from "../../ui/load";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { go } from "../../ui/route";
import { StreamStatus, SyncStatus } from "../../ui/status";
import { Time } from "../../ui/time";
import { ShareLinks } from "../saving/share-links";
import { StreamDialog } from "../streams/stream-dialog";
import { DeleteStream } from "../streams/streams";
import { TagsDialog } from "../streams/tags-dialog";
import { Footage } from "./footage";

type Dialog = "edit" | "tags" | "delete";

/** How a job of the hub is, in the hub's own words where it gave any. */
function Job({ status, details }: { status: string | undefined; details: string | undefined }) {
  if (!status) return <>–</>;
  const { type, text } = jobState(status);
  return <StatusIndicator type={type}>{details ? sentence(details) : text}</StatusIndicator>;
}

export function StreamPage({ name, at }: { name: string; at: number | undefined }) {
  const { kinesisVideo, extensions, rights } = useApi();
  const notices = useNotices();
  const stream = useLoad(`stream ${name}`, () => describeStream(kinesisVideo, name), 10_000);
  const media = useLoad(`held ${name}`, () => extensions.describeStreamMedia(name), 5000);
  const edge = useLoad(`edge ${name}`, () => describeEdge(kinesisVideo, name), 5000);
  const hub = edge.data?.EdgeConfig?.HubDeviceArn;
  // Who may not see it is told no more of it.
  const summary = useLoad(
    `its hub ${hub}`,
    () => (hub ? extensions.describeHubItself(hub).catch(() => undefined) : Promise.resolve(undefined)),
    5000,
  );
  const links = useLoad(`links ${name}`, () => (rights.streams ? extensions.listShareLinks(name) : Promise.resolve([])), 30_000);
  const [dialog, setDialog] = useState<Dialog>();
  const close = () => setDialog(undefined);
  if (stream.failure && !stream.data) return <Problem failure={stream.failure} retry={stream.reload} />;
  const info = stream.data;
  const done = (text: string) => {
    notices.done(text);
    stream.reload();
  };
  const newest = media.data?.NewestTimestamp;
  const { LastRecorderStatus: recorder, LastUploaderStatus: uploader } = edge.data?.EdgeAgentStatus ?? {};
  return (
    <Frame
      title={name}
      above={[{ text: "Streams", href: "#/streams" }]}
      here={name}
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          {rights.streams && (
            <ButtonDropdown
              disabled={!info}
              items={[
                { id: "edit", text: "Edit" },
                ...(rights.tags ? [{ id: "tags", text: "Manage tags" }] : []),
                ...(rights.cameras ? [{ id: "delete", text: "Delete" }] : []),
              ]}
              onItemClick={({ detail }) => setDialog(detail.id as Dialog)}
            >
              Actions
            </ButtonDropdown>
          )}
          {rights.cameras && <Button href={hrefOf({ page: "edge", name })}>Edge configuration</Button>}
        </SpaceBetween>
      }
    >
      {troublesOf(edge.data, summary.data).map(({ type, title, text }) => (
        <Alert key={title} type={type} header={title}>
          {text}
        </Alert>
      ))}
      <Footage name={name} at={at} shared={links.reload} />
      <ShareLinks streamName={name} links={links} />
      <Container header={<Header variant="h2">Details</Header>}>
        <KeyValuePairs
          columns={4}
          items={[
            { label: "Status", value: <StreamStatus status={info?.Status} /> },
            { label: "Retention", value: info ? retentionText(info.DataRetentionInHours ?? 0) : "–" },
            { label: "Stored", value: media.data ? sizeText(media.data.SizeBytes) : "–" },
            { label: "Last media", value: <Time at={newest && newest * 1000} relative /> },
            {
              label: "Edge configuration",
              value: edge.data ? <SyncStatus status={edge.data.SyncStatus} /> : "None",
            },
            {
              label: "Hub",
              value: hub ? <HubLink arn={hub} /> : "–",
            },
            { label: "Recorder", value: <Job status={recorder?.RecorderStatus} details={recorder?.JobStatusDetails} /> },
            { label: "Upload", value: <Job status={uploader?.UploaderStatus} details={uploader?.JobStatusDetails} /> },
            { label: "Media type", value: info?.MediaType ?? "–" },
            { label: "Created", value: <Time at={info?.CreationTime} /> },
          ]}
        />
        <ExpandableSection headerText="More">
          <KeyValuePairs
            columns={1}
            items={[
              { label: "ARN", value: <Box variant="code">{info?.StreamARN ?? "–"}</Box> },
              { label: "Device name", value: info?.DeviceName ?? "–" },
              { label: "Version", value: info?.Version ?? "–" },
            ]}
          />
        </ExpandableSection>
      </Container>
      {dialog === "edit" && info && <StreamDialog stream={info} close={close} done={done} />}
      {dialog === "tags" && <TagsDialog streamName={name} close={close} done={done} />}
      {dialog === "delete" && info && (
        <DeleteStream
          stream={info}
          close={close}
          done={(text) => {
            notices.done(text);
            go({ page: "streams" });
          }}
        />
      )}
    </Frame>
  );
}
