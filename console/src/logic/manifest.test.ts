import { expect, test } from "vitest";
import type { ClipFile } from "../api/operations";
import { manifestName, manifestText, type Saved } from "./manifest";

const BEGIN = Date.UTC(2026, 10, 28, 14, 30);

const file: ClipFile = {
  ClipFileURL: "http://vigie/clip/v1/getClipFile.mp4?SessionToken=secret",
  ChecksumURL: "http://vigie/clip/v1/getClipFileChecksum.json?SessionToken=secret",
  FileName: "gate-20261128T143000Z-20261128T151000Z.mp4",
  StartTimestamp: BEGIN / 1000 - 1,
  EndTimestamp: BEGIN / 1000 + 2400,
  FragmentCount: 1200,
  MediaSizeBytes: 1_000_000,
  Codecs: ["avc1.4D4029", "mp4a.40.2"],
  Gaps: [
    { StartTimestamp: BEGIN / 1000 + 60, EndTimestamp: BEGIN / 1000 + 120 },
    { StartTimestamp: BEGIN / 1000 + 300, EndTimestamp: BEGIN / 1000 + 302 },
  ],
  GapCount: 3,
};

const saved: Saved = {
  principalArn: "arn:aws:iam::000000000000:user/anna",
  accessKeyId: "AKIAEXAMPLE",
  at: BEGIN + 86_400_000,
  server: "https://vigie.example",
  version: "1.0.0",
  timeZone: "Europe/Paris",
  span: { from: BEGIN, until: BEGIN + 2_400_000 },
  streams: [
    {
      name: "gate",
      files: [{ file, sizeBytes: 1_010_203, leftOutCount: 2, sha256: "ab".repeat(32) }],
      failures: [],
      gaps: [
        { StartTimestamp: BEGIN / 1000 - 50, EndTimestamp: BEGIN / 1000 + 61, Reason: "HUB_OFF", HubDeviceArn: "arn:hub" },
        { StartTimestamp: BEGIN / 1000 + 61, EndTimestamp: BEGIN / 1000 + 119, Reason: "SOURCE_OFFLINE", HubDeviceArn: "arn:hub" },
      ],
    },
    { name: "yard", files: [], gaps: [], failures: ["Not saved: there is no media of the stream in the range"] },
  ],
};

test("a manifest says who, what, when, what is missing and why, and the hashes", () => {
  const text = manifestText(saved);
  for (const line of [
    "Saved by:   arn:aws:iam::000000000000:user/anna (access key AKIAEXAMPLE)",
    "Asked for:  2026-11-28 14:30:00.000 UTC (2026-11-28 15:30:00)",
    "            to 2026-11-28 15:10:00.000 UTC (2026-11-28 16:10:00), 40 min",
    "  From:       2026-11-28 14:29:59.000 UTC (2026-11-28 15:29:59)",
    "  Size:       1010203 bytes",
    "  Codecs:     H.264 and AAC (avc1.4D4029, mp4a.40.2)",
    "  Fragments:  1198, 2 left out: damaged, or fit for no MP4 file",
    "  Gaps:       3 gaps",
    "    to 2026-11-28 14:32:00.000 UTC (2026-11-28 15:32:00), 1 min: The camera gave no video",
    "    to 2026-11-28 14:35:02.000 UTC (2026-11-28 15:35:02), 2 s: no reason is known",
    "    and 1 more gap",
    "  Not saved: there is no media of the stream in the range",
    `${"ab".repeat(32)}  gate-20261128T143000Z-20261128T151000Z.mp4`,
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("a user who signed in with a password is no access key", () => {
  const { accessKeyId: _, ...byUser } = saved;
  expect(manifestText(byUser).split("\n")).toContain("Saved by:   arn:aws:iam::000000000000:user/anna");
});

test("a manifest opens nothing", () => {
  expect(manifestText(saved)).not.toMatch(/SessionToken|secret/);
});

test("a manifest's name stands beside those of its files", () => {
  expect(manifestName(["gate"], saved.span)).toBe("gate-20261128T143000Z-20261128T151000Z.txt");
  expect(manifestName(["gate", "yard"], saved.span)).toBe("2-cameras-20261128T143000Z-20261128T151000Z.txt");
});
