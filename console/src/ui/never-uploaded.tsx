import Alert from "@cloudscape-design/components/alert";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import { useApi } from "../api/api";
import { describeEdge } from "../api/edge";
import { lossText, NO_HUB, notUploadedMs, type OnTheHub } from "../logic/never-uploaded";
import { useLoad } from "./load";

/** What only the hub has of a stream, before one deletes it. */
export function NeverUploaded({ name }: { name: string }) {
  const { kinesisVideo, extensions } = useApi();
  const loaded = useLoad(`never uploaded ${name}`, async (): Promise<OnTheHub> => {
    const hub = (await describeEdge(kinesisVideo, name))?.EdgeConfig?.HubDeviceArn;
    if (hub === undefined) return NO_HUB;
    const now = Date.now();
    const [described, gaps] = await Promise.all([
      extensions.describeHub(hub),
      extensions.listMediaGaps(name, { from: 0, until: now }),
    ]);
    const stream = described.Streams.find(({ StreamName }) => StreamName === name);
    const seen = described.Hub?.LastSeenTimestamp;
    return {
      hub,
      inContact: described.Hub?.InContact ?? false,
      seen: seen === undefined ? undefined : seen * 1000,
      notUploadedBytes: stream?.LocalMedia?.NotUploadedBytes ?? 0,
      notUploadedMs: notUploadedMs(gaps, now),
    };
  });
  if (loaded.data) {
    const text = lossText(loaded.data, Date.now());
    return <div role="status">{loaded.data.notUploadedBytes > 0 ? <Alert type="error">{text}</Alert> : text}</div>;
  }
  if (loaded.failure) {
    return (
      <Alert type="warning">
        What its hub holds that was never uploaded cannot be told: {loaded.failure.message}
      </Alert>
    );
  }
  return <StatusIndicator type="loading">Looking for video that only the hub has</StatusIndicator>;
}
