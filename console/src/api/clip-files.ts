/** Clip files at this page's origin, and what the server says of the bytes of each. */
import { failureOf } from "./failure";

/** What the server says of a file while it computes, and then. */
export interface Checksum {
  /** 0 to 1. */
  Progress: number;
  SizeBytes?: number;
  FragmentCount?: number;
  LeftOutFragmentCount?: number;
  SHA256?: string;
}

const ASK_EACH_MS = 500;

/** The server names itself in URLs, which may be otherwise than this page does; paths stay. */
export function here(url: string): string {
  const { pathname, search } = new URL(url, location.origin);
  return `${location.origin}${pathname}${search}`;
}

/** Asks until the checksum is there; tells how far it is. */
export async function checksumOf(url: string, progress: (share: number) => void, abort: AbortSignal): Promise<Checksum> {
  for (;;) {
    const answer = await fetch(here(url), { signal: abort });
    if (!answer.ok) throw await refusal(answer);
    const status = (await answer.json()) as Checksum;
    progress(status.Progress);
    if (status.SHA256) return status;
    await new Promise((done) => setTimeout(done, ASK_EACH_MS));
    abort.throwIfAborted();
  }
}

async function refusal(answer: Response): Promise<Error> {
  const said = (await answer.json().catch(() => ({}))) as { Message?: string };
  const error = new Error(said.Message ?? `the server answered ${answer.status}`);
  error.name = answer.headers.get("x-amzn-errortype")?.split(":")[0] ?? `status ${answer.status}`;
  return error;
}

/** Whether somebody stopped it. */
export function isStopped(error: unknown): boolean {
  return failureOf(error).name === "AbortError";
}
