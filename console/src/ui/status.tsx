import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import { streamStatus, syncStatus } from "../logic/status";

export function StreamStatus({ status }: { status: string | undefined }) {
  const { type, text } = streamStatus(status);
  return <StatusIndicator type={type as StatusIndicatorProps.Type}>{text}</StatusIndicator>;
}

export function SyncStatus({ status }: { status: string | undefined }) {
  const { type, text } = syncStatus(status);
  return <StatusIndicator type={type as StatusIndicatorProps.Type}>{text}</StatusIndicator>;
}
