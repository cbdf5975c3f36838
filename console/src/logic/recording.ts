/** What a hub's stream is doing, in a word. */
import type { HubStream } from "../api/operations";
import { gapReason } from "./gaps";
import type { Status } from "./status";

export function recordingState(stream: HubStream): Status {
  const job = stream.LastRecorderStatus;
  if (stream.OpenGap) {
    const { text, kind } = gapReason(stream.OpenGap.Reason);
    return { type: kind === "planned" ? "stopped" : "error", text };
  }
  if (!job?.RecorderStatus) return { type: "pending", text: "Nothing said yet" };
  return job.RecorderStatus === "SUCCESS" ? { type: "success", text: "Recording" } : jobState(job.RecorderStatus);
}

export function jobState(status: string | undefined): Status {
  switch (status) {
    case "SUCCESS":
      return { type: "success", text: "Working" };
    case "USER_ERROR":
      return { type: "error", text: "Needs you" };
    case "SYSTEM_ERROR":
      return { type: "warning", text: "Failing" };
    default:
      return { type: "pending", text: "Nothing said yet" };
  }
}
