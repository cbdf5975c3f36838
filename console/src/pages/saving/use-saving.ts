import { useEffect, useRef, useState } from "react";
import { type Api, useApi } from "../../api/api";
import { checksumOf, here, isStopped } from "../../api/clip-files";
import { failureOf } from "../../api/failure";
import { callerArn } from "../../api/identity";
import type { ClipFile } from "../../api/operations";
import { manifestName, manifestText, type SavedFile, type SavedStream } from "../../logic/manifest";
import type { Span } from "../../logic/timeline";
import { downloadInTurn, downloadText } from "../../ui/download";

/** One file, or why there is none of a stream. */
export interface Row {
  stream: string;
  file?: ClipFile;
  /** Of its checksum, 0 to 1. */
  progress: number;
  sizeBytes?: number;
  /** Fragments that cannot be in it. */
  leftOutCount?: number;
  sha256?: string;
  failure?: string;
}

/** A browser has six connections to a server (HTTP/1.1), and the page needs some of them. */
const AT_ONCE = 3;

export type Stage = "idle" | "looking" | "saving" | "done";

/** Saves a range of each stream: has the browser download the files, waits for their checksums, and saves the text of both. */
export function useSaving(streams: string[], span: Span) {
  const api = useApi();
  const [stage, setStage] = useState<Stage>("idle");
  const [rows, setRows] = useState<Row[]>([]);
  const [text, setText] = useState<string>();
  const abort = useRef<AbortController>(undefined);
  useEffect(() => () => abort.current?.abort(), []);
  const name = manifestName(streams, span);
  const run = async () => {
    const { signal } = (abort.current = new AbortController());
    const change = (row: Row, by: Partial<Row>) => {
      Object.assign(row, by);
      setRows((all) => [...all]);
    };
    setStage("looking");
    setText(undefined);
    const principalArn = await callerArn(api.settings, api.session).catch(() => api.session.signedInAs);
    const found = (await Promise.all(streams.map((stream) => rowsOf(api, stream, span)))).flat();
    if (signal.aborted) return;
    setRows(found);
    setStage("saving");
    const waiting = [...found];
    const saveInTurn = async () => {
      for (let row = waiting.shift(); row && !signal.aborted; row = waiting.shift()) {
        if (row.file) await saveFile(row, row.file, change, signal);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, saveInTurn));
    if (signal.aborted) return;
    const saved = await Promise.all(streams.map((stream) => savedStream(api, stream, span, found)));
    if (signal.aborted) return;
    const written = manifestText({
      principalArn,
      ...(api.session.user ? {} : { accessKeyId: api.session.signedInAs }),
      at: Date.now(),
      server: location.origin,
      version: api.settings.Version,
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      span,
      streams: saved,
    });
    setText(written);
    if (found.some(({ sha256 }) => sha256)) downloadText(written, name);
    setStage("done");
  };
  return { stage, rows, text, name, run };
}

/** Has the browser download a file, and waits for its checksum. */
async function saveFile(row: Row, file: ClipFile, change: (row: Row, by: Partial<Row>) => void, signal: AbortSignal) {
  await downloadInTurn(here(file.ClipFileURL), file.FileName);
  try {
    const checksum = await checksumOf(file.ChecksumURL, (progress) => change(row, { progress }), signal);
    const { SHA256: sha256 = "", SizeBytes: sizeBytes = 0, LeftOutFragmentCount: leftOutCount = 0 } = checksum;
    change(row, { sha256, sizeBytes, leftOutCount, progress: 1 });
  } catch (error) {
    if (!isStopped(error)) change(row, { failure: failureOf(error).message });
  }
}

async function rowsOf(api: Api, stream: string, span: Span): Promise<Row[]> {
  try {
    const files = await api.extensions.exportClip(stream, span);
    return files.map((file) => ({ stream, file, progress: 0 }));
  } catch (error) {
    return [{ stream, progress: 0, failure: failureOf(error).message }];
  }
}

async function savedStream(api: Api, name: string, span: Span, rows: Row[]): Promise<SavedStream> {
  // Whoever may see video may not always see what hubs say of it.
  const gaps = await api.extensions.listMediaGaps(name, span).catch(() => []);
  const own = rows.filter(({ stream }) => stream === name);
  const files = own.flatMap((row): SavedFile[] =>
    row.file && row.sha256
      ? [{ file: row.file, sha256: row.sha256, sizeBytes: row.sizeBytes ?? 0, leftOutCount: row.leftOutCount ?? 0 }]
      : [],
  );
  const failures = own.flatMap(({ file, failure }) => {
    if (!failure) return [];
    return file ? `${file.FileName} has no SHA-256, and may not be whole: ${failure}` : `Not saved: ${failure}`;
  });
  return { name, files, gaps, failures };
}
