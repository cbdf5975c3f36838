/** What keeps a stream's video from being recorded or uploaded, in the sentences that its hub gave. */
import type { HubSummary } from "../api/operations";
import { hubName } from "./hub";
import { sentence } from "./units";

export interface Trouble {
  type: "error" | "warning";
  title: string;
  text: string;
}

/** What is read of an edge configuration. */
export interface EdgeState {
  SyncStatus?: string | undefined;
  FailedStatusDetails?: string | undefined;
  EdgeAgentStatus?: {
    LastRecorderStatus?: { RecorderStatus?: string | undefined; JobStatusDetails?: string | undefined } | undefined;
    LastUploaderStatus?: { UploaderStatus?: string | undefined; JobStatusDetails?: string | undefined } | undefined;
  } | undefined;
}

/** How bad a stream's troubles are together: a list sorted by it begins with the worst, and those alike by their names. */
export function rankOf(troubles: Trouble[], name: string): string {
  const worst = troubles.some(({ type }) => type === "error") ? 0 : troubles.length > 0 ? 1 : 2;
  return `${worst} ${name}`;
}

/** The worst first. `hub`: nothing where it may not be seen, or never called. */
export function troublesOf(edge: EdgeState | undefined, hub: HubSummary | undefined): Trouble[] {
  const troubles: Trouble[] = [];
  if (edge?.SyncStatus === "SYNC_FAILED" || edge?.SyncStatus === "DELETE_FAILED") {
    troubles.push({
      type: "error",
      title: edge.SyncStatus === "SYNC_FAILED" ? "The hub did not take the configuration" : "The hub did not delete it",
      text: said(edge.FailedStatusDetails),
    });
  }
  const silent = hub !== undefined && !hub.InContact && hub.LastSeenTimestamp !== undefined;
  if (silent) {
    troubles.push({
      type: "error",
      title: `The hub ${hubName(hub.HubDeviceArn)} does not call`,
      text: "What it records meanwhile is here once it calls again. See whether it runs and reaches this server.",
    });
  }
  const { LastRecorderStatus: recorder, LastUploaderStatus: uploader } = edge?.EdgeAgentStatus ?? {};
  const before = silent ? "When it last called: " : "";
  if (isFailing(recorder?.RecorderStatus)) {
    troubles.push({ type: "error", title: "The camera is not recorded", text: before + said(recorder?.JobStatusDetails) });
  }
  if (isFailing(uploader?.UploaderStatus)) {
    troubles.push({ type: "warning", title: "Its video is not uploaded", text: before + said(uploader?.JobStatusDetails) });
  }
  return troubles;
}

function isFailing(status: string | undefined): boolean {
  return status === "USER_ERROR" || status === "SYSTEM_ERROR";
}

function said(details: string | undefined): string {
  if (!details) return "The hub says no more.";
  return /[.…!?]$/.test(details) ? sentence(details) : `${sentence(details)}.`;
}
