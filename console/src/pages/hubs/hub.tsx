import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import Link from "@cloudscape-design/components/link";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Table, { type TableProps } from "@cloudscape-design/components/table";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { HubStream, LocalMedia } from "../../api/operations";
import { clockState, hubArnOf, hubLabel } from "../../logic/hub";
import { recordingState } from "../../logic/recording";
import { hrefOf } from "../../logic/route";
import { durationText, plural, sentence, sizeText } from "../../logic/units";
import { Confirm } from "../../ui/confirm";
import { Empty } from "../../ui/empty";
import { Frame } from "../../ui/frame";
import { useLoad } from "../../ui/load";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { go } from "../../ui/route";
import { SyncStatus } from "../../ui/status";
import { Time } from "../../ui/time";
import { Clock, Contact } from "./hubs";

export function HubPage({ name }: { name: string }) {
  const { extensions, settings, rights } = useApi();
  const notices = useNotices();
  const [forgets, setForgets] = useState(false);
  const place = { region: settings.Region, account: settings.AccountId };
  const arn = hubArnOf(name, place);
  const loaded = useLoad(`hub ${arn}`, () => extensions.describeHub(arn), 5000);
  if (loaded.failure && !loaded.data) return <Problem failure={loaded.failure} retry={loaded.reload} />;
  const hub = loaded.data?.Hub;
  const streams = loaded.data?.Streams ?? [];
  const silent = hub && !hub.InContact && hub.LastSeenTimestamp !== undefined;
  return (
    <Frame
      title={hubLabel(arn, place)}
      above={[{ text: "Hubs", href: "#/hubs" }]}
      here={hubLabel(arn, place)}
      actions={
        hub &&
        rights.cameras &&
        !hub.InContact && (
          <Button disabled={streams.some(isToRecord)} disabledReason={FORGET_FIRST} onClick={() => setForgets(true)}>
            Forget
          </Button>
        )
      }
    >
      {silent && (
        <Alert type="warning" header="This hub does not call">
          What stands below is what it last said. It goes on recording by its last configuration; see whether it runs and
          reaches this server.
        </Alert>
      )}
      {hub?.RefusedAgent && (
        <Alert
          type="error"
          header={
            hub.RefusedAgent.HasCopiedFolder
              ? "Two agents call as this hub, one with a copy of the other's data folder"
              : "Two agents call as this hub"
          }
        >
          {sentence(hub.RefusedAgent.Details)}.
        </Alert>
      )}
      {hub?.InContact && clockState(hub.ClockSkewMilliseconds).wrong && (
        <Alert type="warning" header="This hub's clock is wrong, or the server's is">
          Media is dated by the hub's clock, and schedules follow it. Let a time server set both.
        </Alert>
      )}
      {hub?.AgeHoldSecondsLeft !== undefined && (
        <Alert type="info" header="This hub deletes nothing by age now">
          Its clock jumped, or it was off for more than five minutes. What is past its retention goes in{" "}
          {durationText(hub.AgeHoldSecondsLeft * 1000)}; limits of size stay in force.
        </Alert>
      )}
      <Container header={<Header variant="h2">Hub</Header>}>
        <KeyValuePairs
          columns={4}
          items={[
            { label: "Contact", value: hub ? <Contact hub={hub} /> : "–" },
            { label: "Last seen", value: <Time at={hub?.LastSeenTimestamp && hub.LastSeenTimestamp * 1000} relative /> },
            { label: "Agent", value: hub?.AgentVersion ?? "–" },
            { label: "Clock", value: hub ? <Clock hub={hub} /> : "–" },
            { label: "ARN", value: <Box variant="code">{arn}</Box> },
          ]}
        />
      </Container>
      <Table<HubStream>
        header={
          <Header variant="h2" counter={`(${streams.length})`}>
            Cameras
          </Header>
        }
        items={streams}
        trackBy="StreamARN"
        loading={loaded.loading && !loaded.data}
        loadingText="Loading cameras"
        ariaLabels={{ tableLabel: "Cameras" }}
        columnDefinitions={columns}
        wrapLines
        empty={
          <Empty title="This hub has nothing to do yet">
            Open a <Link href="#/streams">stream</Link> and give it an edge configuration with this hub.
          </Empty>
        }
      />
      {forgets && (
        <Confirm
          title={`Forget ${hubLabel(arn, place)}?`}
          action="Forget"
          close={() => setForgets(false)}
          run={async () => {
            await extensions.forgetHub(arn);
            notices.done(`The hub ${hubLabel(arn, place)} is forgotten.`);
            go({ page: "hubs" });
          }}
        >
          For a hub that is gone for good. It is in no list any more, and what it was to erase is waited for no longer. What
          it uploaded stays. Should it call again after all, it is back.
        </Confirm>
      )}
    </Frame>
  );
}

const FORGET_FIRST = "It is to record streams: give them another hub, or delete their edge configurations, first.";

/** It is not only waited for its word that all is erased. */
function isToRecord({ SyncStatus }: HubStream): boolean {
  return !["DELETING", "DELETING_ACKNOWLEDGED", "DELETE_FAILED"].includes(SyncStatus);
}

const columns: TableProps.ColumnDefinition<HubStream>[] = [
  {
    id: "stream",
    header: "Stream",
    isRowHeader: true,
    cell: (stream) => (
      <Link href={hrefOf({ page: "stream", name: stream.StreamName, at: undefined })}>{stream.StreamName}</Link>
    ),
  },
  { id: "sync", header: "Configuration", cell: (stream) => <SyncStatus status={stream.SyncStatus} /> },
  {
    id: "recording",
    header: "Recording",
    minWidth: 160,
    cell: (stream) => {
      const { type, text } = recordingState(stream);
      const details = stream.LastRecorderStatus?.JobStatusDetails;
      return (
        <>
          <StatusIndicator type={type}>{text}</StatusIndicator>
          {details && type !== "success" && (
            <Box fontSize="body-s" color="text-body-secondary">
              {sentence(details)}
            </Box>
          )}
        </>
      );
    },
  },
  { id: "lag", header: "Upload lag", minWidth: 130, cell: (stream) => lagText(stream.LocalMedia) },
  { id: "disk", header: "On the hub's disk", minWidth: 200, cell: (stream) => <Disk media={stream.LocalMedia} /> },
  {
    id: "losses",
    header: "Losses",
    minWidth: 170,
    cell: ({ Losses }) =>
      Losses && Losses.FragmentCount > 0 ? (
        <StatusIndicator type="error">
          {plural(Losses.FragmentCount, "fragment")}, {sizeText(Losses.SizeBytes)}
        </StatusIndicator>
      ) : (
        "None"
      ),
  },
];

function lagText(media: LocalMedia | undefined): string {
  if (!media) return "–";
  if (media.NotUploadedBytes === 0) return "None";
  const lag = media.UploadLagSeconds;
  return `${lag === undefined ? "" : `${durationText(lag * 1000)}, `}${sizeText(media.NotUploadedBytes)}`;
}

/** Disk use against the cap, and how long the rest lasts. */
function Disk({ media }: { media: LocalMedia | undefined }) {
  if (!media) return <>–</>;
  if (media.SizeBytesMax === undefined) return <>{sizeText(media.SizeBytes)}, no cap</>;
  const left =
    media.SecondsUntilFull === undefined ? undefined : `full in ${durationText(media.SecondsUntilFull * 1000)}`;
  return (
    <ProgressBar
      value={Math.min(100, (media.SizeBytes / media.SizeBytesMax) * 100)}
      ariaLabel="Disk use against the cap"
      additionalInfo={`${sizeText(media.SizeBytes)} of ${sizeText(media.SizeBytesMax)}${left ? `, ${left}` : ""}`}
    />
  );
}
