import type { DescribeEdgeConfigurationOutput } from "@aws-sdk/client-kinesis-video";
import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import Header from "@cloudscape-design/components/header";
import KeyValuePairs from "@cloudscape-design/components/key-value-pairs";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import type { ReactNode } from "react";
import { jobState } from "../../logic/recording";
import { syncAdvice } from "../../logic/status";
import { sentence } from "../../logic/units";
import { SyncStatus } from "../../ui/status";
import { Time } from "../../ui/time";

/** How far a configuration is with its hub, and how the hub's jobs do. */
export function SyncPanel({ edge, actions }: { edge: DescribeEdgeConfigurationOutput; actions?: ReactNode }) {
  const advice = syncAdvice(edge.SyncStatus, edge.FailedStatusDetails);
  const failed = edge.SyncStatus === "SYNC_FAILED" || edge.SyncStatus === "DELETE_FAILED";
  const recorder = edge.EdgeAgentStatus?.LastRecorderStatus;
  const uploader = edge.EdgeAgentStatus?.LastUploaderStatus;
  return (
    <Container
      header={
        <Header variant="h2" actions={actions}>
          Status
        </Header>
      }
    >
      <SpaceBetween size="m">
        {failed ? (
          <Alert type="error" header={sentence(edge.FailedStatusDetails ?? "the hub gave no reason")}>
            {advice}
          </Alert>
        ) : (
          advice && <Box color="text-body-secondary">{advice}</Box>
        )}
        <KeyValuePairs
          columns={3}
          items={[
            {
              label: "Configuration",
              value: (
                <div role="status">
                  <SyncStatus status={edge.SyncStatus} />
                </div>
              ),
            },
            {
              label: "Recorder",
              value: (
                <Job
                  status={recorder?.RecorderStatus}
                  details={recorder?.JobStatusDetails}
                  collected={recorder?.LastCollectedTime}
                />
              ),
            },
            {
              label: "Uploader",
              value: (
                <Job
                  status={uploader?.UploaderStatus}
                  details={uploader?.JobStatusDetails}
                  collected={uploader?.LastCollectedTime}
                />
              ),
            },
            { label: "Configured", value: <Time at={edge.CreationTime} relative /> },
            { label: "Last changed", value: <Time at={edge.LastUpdatedTime} relative /> },
          ]}
        />
      </SpaceBetween>
    </Container>
  );
}

interface JobProps {
  status: string | undefined;
  details: string | undefined;
  collected: Date | undefined;
}

function Job({ status, details, collected }: JobProps) {
  const { type, text } = jobState(status);
  return (
    <SpaceBetween size="xxs">
      <StatusIndicator type={type}>{text}</StatusIndicator>
      {details && <Box fontSize="body-s">{sentence(details)}</Box>}
      {collected && (
        <Box fontSize="body-s" color="text-body-secondary">
          Last media <Time at={collected} relative />
        </Box>
      )}
    </SpaceBetween>
  );
}
