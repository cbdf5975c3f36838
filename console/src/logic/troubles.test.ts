import { expect, test } from "vitest";
import type { HubSummary } from "../api/operations";
import { rankOf, troublesOf } from "./troubles";

const HUB: HubSummary = {
  HubDeviceArn: "arn:aws:iot:us-east-1:000000000000:thing/barn",
  InContact: true,
  LastSeenTimestamp: 1,
  StreamCount: 1,
  FailingRecorderCount: 0,
};

const working = {
  SyncStatus: "IN_SYNC",
  EdgeAgentStatus: {
    LastRecorderStatus: { RecorderStatus: "SUCCESS", JobStatusDetails: "recording" },
    LastUploaderStatus: { UploaderStatus: "SUCCESS", JobStatusDetails: "waiting for the next window" },
  },
};

const failing = {
  SyncStatus: "IN_SYNC",
  EdgeAgentStatus: {
    LastRecorderStatus: { RecorderStatus: "USER_ERROR", JobStatusDetails: "the camera refuses the password." },
    LastUploaderStatus: { UploaderStatus: "SYSTEM_ERROR" },
  },
};

test("where all works there is no trouble", () => {
  expect(troublesOf(working, HUB)).toEqual([]);
  expect(troublesOf(undefined, undefined)).toEqual([]);
  // It was never started: its page says so.
  expect(troublesOf(working, { ...HUB, InContact: false, LastSeenTimestamp: undefined })).toEqual([]);
});

test("what the hub says stands there in its words", () => {
  expect(troublesOf(failing, HUB).map(({ title, text }) => `${title}: ${text}`)).toEqual([
    "The camera is not recorded: The camera refuses the password.",
    "Its video is not uploaded: The hub says no more.",
  ]);
});

test("a hub that is silent comes first, and what it said is not of now", () => {
  const [first, second] = troublesOf(failing, { ...HUB, InContact: false });
  expect(first?.title).toBe("The hub barn does not call");
  expect(second?.text).toBe("When it last called: The camera refuses the password.");
});

test("a list begins with the worst", () => {
  const [recorder, uploader] = troublesOf(failing, HUB);
  const ranks = [
    rankOf([], "a"),
    rankOf(uploader ? [uploader] : [], "b"),
    rankOf(recorder ? [recorder] : [], "d"),
    rankOf(recorder && uploader ? [uploader, recorder] : [], "c"),
  ];
  expect([...ranks].sort()).toEqual(["0 c", "0 d", "1 b", "2 a"]);
});

test("a configuration that was refused says why", () => {
  const refused = { SyncStatus: "SYNC_FAILED", FailedStatusDetails: "no such camera" };
  expect(troublesOf(refused, HUB)).toEqual([
    { type: "error", title: "The hub did not take the configuration", text: "No such camera." },
  ]);
});
