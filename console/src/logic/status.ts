/** What the API's statuses mean to a person. */

export type Tone = "success" | "in-progress" | "pending" | "error" | "warning" | "stopped" | "info";

export interface Status {
  type: Tone;
  text: string;
}

export function streamStatus(status: string | undefined): Status {
  switch (status) {
    case "ACTIVE":
      return { type: "success", text: "Active" };
    case "CREATING":
      return { type: "in-progress", text: "Creating" };
    case "UPDATING":
      return { type: "in-progress", text: "Updating" };
    case "DELETING":
      return { type: "in-progress", text: "Deleting" };
    default:
      return { type: "info", text: status ?? "Unknown" };
  }
}

export function syncStatus(status: string | undefined): Status {
  switch (status) {
    case undefined:
      return { type: "stopped", text: "Not configured" };
    case "SYNCING":
      return { type: "in-progress", text: "Waiting for the hub" };
    case "ACKNOWLEDGED":
      return { type: "in-progress", text: "The hub is applying it" };
    case "IN_SYNC":
      return { type: "success", text: "In sync" };
    case "SYNC_FAILED":
      return { type: "error", text: "Failed" };
    case "DELETING":
      return { type: "in-progress", text: "Deletion waits for the hub" };
    case "DELETING_ACKNOWLEDGED":
      return { type: "in-progress", text: "The hub is erasing its media" };
    case "DELETE_FAILED":
      return { type: "error", text: "Deletion failed" };
    default:
      return { type: "info", text: status };
  }
}

/** Nothing may be changed while a change is under way. */
export function isSyncUnderWay(status: string | undefined): boolean {
  return (
    status === "SYNCING" ||
    status === "ACKNOWLEDGED" ||
    status === "DELETING" ||
    status === "DELETING_ACKNOWLEDGED"
  );
}

/** Whether a failure is that the hub did not answer in time; the others are in the hub's own words. */
function wasSilent(details: string | undefined): boolean {
  return details?.includes("within 15 minutes") ?? false;
}

/** What a person can do about a status; nothing where all is well. */
export function syncAdvice(status: string | undefined, details: string | undefined): string | undefined {
  switch (status) {
    case "SYNCING":
      return "The hub takes the configuration with its next call, usually at once. If nothing happens, see whether the agent runs and can reach this server. After 15 minutes this counts as failed.";
    case "SYNC_FAILED":
      return wasSilent(details)
        ? "See whether the agent runs on the hub, has the right hub ARN and key, and reaches this server. It takes the configuration as soon as it does; saving again starts anew."
        : "Correct what the message says, then save the configuration again.";
    case "DELETING":
    case "DELETING_ACKNOWLEDGED":
      return "The hub stops its jobs and erases the stream's local media; then the configuration is gone.";
    case "DELETE_FAILED":
      return wasSilent(details)
        ? "The hub erases when it returns. If it is gone for good, start an agent with its hub ARN and an empty data folder: it has nothing to erase and says so."
        : "Correct what the message says, then delete again.";
    default:
      return undefined;
  }
}
