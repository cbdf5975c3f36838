/** How a share link stands. */
import type { ShareLink } from "../api/operations";

export interface LinkState {
  holds: boolean;
  type: "success" | "stopped";
  text: string;
}

export function linkState({ ExpirationTime, RevocationTime }: ShareLink, now: number): LinkState {
  if (RevocationTime !== undefined) return { holds: false, type: "stopped", text: "Revoked" };
  if (ExpirationTime * 1000 <= now) return { holds: false, type: "stopped", text: "Expired" };
  return { holds: true, type: "success", text: "Open" };
}
