/** Clip files at this page's origin, and what the server says of the bytes of each. */
import { failureOf, isUnreachable } from "./failure";

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
/** A server that is busy, or gives up what nobody asked for while a laptop slept, is asked again … */
const ASK_AGAIN_AFTER_MS = 5000;
/** … for so long. */
const PATIENCE_MS = 10 * 60_000;
const PASSING_STATUSES = [429, 503];

/** The server names itself in URLs, which may be otherwise than this page does; paths stay. */
export function here(url: string): string {
  const { pathname, search } = new URL(url, location.origin);
  return `${location.origin}${pathname}${search}`;
}

/** Asks until the checksum is there; tells how far it is. */
export async function checksumOf(url: string, progress: (share: number) => void, abort: AbortSignal): Promise<Checksum> {
  let answeredAt = Date.now();
  for (;;) {
    const status = await askOnce(url, abort);
    if (!(status instanceof Error)) {
      answeredAt = Date.now();
      progress(status.Progress);
      if (status.SHA256) return status;
    } else if (Date.now() - answeredAt > PATIENCE_MS) {
      throw status;
    }
    const waitMs = status instanceof Error ? ASK_AGAIN_AFTER_MS : ASK_EACH_MS;
    await new Promise((done) => setTimeout(done, waitMs));
    abort.throwIfAborted();
  }
}

/** What the server says, or what may be over when it is asked again. Throws the rest. */
async function askOnce(url: string, abort: AbortSignal): Promise<Checksum | Error> {
  let answer: Response;
  try {
    answer = await fetch(here(url), { signal: abort });
  } catch (error) {
    if (isUnreachable(failureOf(error))) return error as Error;
    throw error;
  }
  if (answer.ok) return (await answer.json()) as Checksum;
  const refused = await refusal(answer);
  if (PASSING_STATUSES.includes(answer.status)) return refused;
  throw refused;
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
