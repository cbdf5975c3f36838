/** What a share link shows, for whoever has it. The secret goes in the body of one call, and nowhere else. */
import type { ClipFile, ShareLinkKind } from "./operations";

export interface Shared {
  Kind: ShareLinkKind;
  StreamName: string;
  SharedBy: string;
  StartTimestamp: number;
  EndTimestamp?: number;
  ExpirationTime: number;
  /** Absent where there is nothing to play now. */
  HLSStreamingSessionPath?: string;
  NothingToPlay?: string;
  /** Of a clip. */
  Files?: ClipFile[];
}

/** Opens a link; `from`: what a stream has recorded from then on, instead of what is live. */
export async function openShareLink(Link: string, from: number | undefined): Promise<Shared> {
  const StartTimestamp = from === undefined ? undefined : from / 1000;
  const body = JSON.stringify({ Link, StartTimestamp });
  const answer = await fetch("/console/open-share-link", { method: "POST", body });
  if (answer.ok) return (await answer.json()) as Shared;
  const error = new Error(await answer.text());
  error.name = answer.status === 403 ? "LinkEnded" : `status ${answer.status}`;
  throw error;
}
