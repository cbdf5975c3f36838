/** The text beside saved video: what it is, when, whose, what is missing and why, and what its bytes hash to. */
import type { ClipFile, MediaGap } from "../api/operations";
import { codecNames } from "./codecs";
import { gapReason } from "./gaps";
import type { Span } from "./timeline";
import { durationText, plural } from "./units";

/** A file and what the server says of its bytes. */
export interface SavedFile {
  file: ClipFile;
  sizeBytes: number;
  leftOutCount: number;
  sha256: string;
}

/** What came of one stream: its files, or why there are none. */
export interface SavedStream {
  name: string;
  files: SavedFile[];
  /** What its hubs say of media that is not there. */
  gaps: MediaGap[];
  /** What was not saved, or not wholly, and why. */
  failures: string[];
}

export interface Saved {
  principalArn: string;
  /** Of somebody who signed in with one. */
  accessKeyId?: string;
  at: number;
  server: string;
  version: string;
  /** IANA, in which times are said beside UTC. */
  timeZone: string;
  span: Span;
  streams: SavedStream[];
}

/** Plain text, for people and for archives: 20 years from now nothing else is needed to read it. */
export function manifestText(saved: Saved): string {
  const time = (ms: number) => `${utc(ms)} (${local(ms, saved.timeZone)})`;
  const lines = [
    "Video saved from Vigie",
    "",
    `Saved by:   ${saved.principalArn}${saved.accessKeyId ? ` (access key ${saved.accessKeyId})` : ""}`,
    `Saved at:   ${time(saved.at)}`,
    `Server:     ${saved.server}, Vigie ${saved.version}`,
    `Time zone:  ${saved.timeZone}, beside UTC`,
    `Asked for:  ${time(saved.span.from)}`,
    `            to ${time(saved.span.until)}, ${durationText(saved.span.until - saved.span.from)}`,
    "",
    "Times of video are the cameras' own. Files hold the coded pictures and sound as the cameras sent them.",
  ];
  for (const stream of saved.streams) {
    lines.push("", `Stream ${stream.name}`);
    for (const failure of stream.failures) lines.push(`  ${failure}`);
    for (const saved of stream.files) lines.push("", ...fileLines(saved, stream.gaps, time));
  }
  const files = saved.streams.flatMap(({ files }) => files);
  if (files.length > 0) {
    lines.push("", "SHA-256, as sha256sum --check reads it:", "");
    for (const { file, sha256 } of files) lines.push(`${sha256}  ${file.FileName}`);
  }
  return `${lines.join("\n")}\n`;
}

function fileLines({ file, sizeBytes, leftOutCount, sha256 }: SavedFile, told: MediaGap[], time: (ms: number) => string): string[] {
  const [from, until] = [file.StartTimestamp * 1000, file.EndTimestamp * 1000];
  const leftOut = leftOutCount > 0 ? `, ${leftOutCount} left out: damaged, or fit for no MP4 file` : "";
  const lines = [
    `  File:       ${file.FileName}`,
    `  From:       ${time(from)}`,
    `  To:         ${time(until)}`,
    `  Length:     ${durationText(until - from)}`,
    `  Size:       ${sizeBytes} bytes`,
    `  Codecs:     ${codecNames(file.Codecs)} (${file.Codecs.join(", ")})`,
    `  Fragments:  ${file.FragmentCount - leftOutCount}${leftOut}`,
    `  SHA-256:    ${sha256}`,
    `  Gaps:       ${file.GapCount === 0 ? "none" : plural(file.GapCount, "gap")}`,
  ];
  for (const gap of file.Gaps) {
    const [begin, end] = [gap.StartTimestamp * 1000, gap.EndTimestamp * 1000];
    lines.push(`    ${time(begin)}`, `    to ${time(end)}, ${durationText(end - begin)}: ${reasonOf(begin, end, told)}`);
  }
  const untold = file.GapCount - file.Gaps.length;
  if (untold > 0) lines.push(`    and ${plural(untold, "more gap")}`);
  return lines;
}

/** Why, as the hub says it that has most to say of this time. */
function reasonOf(begin: number, end: number, told: MediaGap[]): string {
  const shared = ({ StartTimestamp, EndTimestamp }: MediaGap) =>
    Math.min(end, (EndTimestamp ?? Number.POSITIVE_INFINITY) * 1000) - Math.max(begin, StartTimestamp * 1000);
  const known = told.filter((gap) => shared(gap) > 0).sort((a, b) => shared(b) - shared(a))[0];
  return known ? gapReason(known.Reason).text : "no reason is known";
}

function utc(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");
}

/** `2026-11-28 15:30:00`, in a time zone. */
function local(ms: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone });
  return format.format(ms);
}

/** `vigie-20261128T143000Z.txt`, beside its files' names in a folder. */
export function manifestName(streams: string[], span: Span): string {
  const who = streams.length === 1 ? streams[0] : `${streams.length}-cameras`;
  return `${who}-${stamp(span.from)}-${stamp(span.until)}.txt`;
}

/** A moment in a file's name. */
export function stamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
}
