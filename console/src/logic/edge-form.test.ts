import { expect, test } from "vitest";
import {
  checkEdgeForm,
  type EdgeForm,
  edgeConfigOf,
  EMPTY_EDGE_FORM,
  edgeFormOf,
  NEVER_FIRES,
  neverRuns,
} from "./edge-form";

const place = { region: "us-east-1", account: "000000000000" };
const secretArn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate-abcdef";
const form = (change: Partial<EdgeForm> = {}): EdgeForm => ({ ...EMPTY_EDGE_FORM, hub: "barn", secretArn, ...change });

test("a hub and a secret are all that is needed", () => {
  expect(checkEdgeForm(form())).toEqual({});
  expect(Object.keys(checkEdgeForm(EMPTY_EDGE_FORM))).toEqual(["hub", "secretArn"]);
});

test.each<[Partial<EdgeForm>, string]>([
  [{ hub: "my barn" }, "hub"],
  [{ hub: "arn:aws:iot:us-east-1:1:dog/barn" }, "hub"],
  [{ recording: "schedule", recordingSchedule: { expression: "0 0 9", durationSeconds: "60" } }, "recordingSchedule"],
  [{ recording: "schedule", recordingSchedule: { expression: "0 0 9 * * ?", durationSeconds: "59" } }, "recordingDuration"],
  [{ uploading: "schedule", uploadingSchedule: { expression: "0 0 9 * * ?", durationSeconds: "3601" } }, "uploadingDuration"],
  [{ retentionHours: "0" }, "retentionHours"],
  [{ retentionHours: "721" }, "retentionHours"],
  [{ sizeMb: "63" }, "sizeMb"],
  [{ sizeMb: "2000001" }, "sizeMb"],
  [{ sizeMb: "1e3" }, "sizeMb"],
])("%o is refused at %s", (change, field) => {
  expect(Object.keys(checkEdgeForm(form(change)))).toEqual([field]);
});

test.each(["recording", "uploading"] as const)("a %s schedule that never fires again is not to be started", (job) => {
  const schedule = { expression: "0 0 0 30 2 ?", durationSeconds: "3600" };
  const used = form({ [job]: "schedule", [`${job}Schedule`]: schedule });
  const over = [schedule.expression];
  expect(checkEdgeForm(used, over)).toEqual({ [`${job}Schedule`]: NEVER_FIRES });
  expect(neverRuns(used, over)).toBe(true);
  expect(neverRuns(used, [])).toBe(false);
  expect(neverRuns({ ...used, [job]: job === "recording" ? "always" : "hourly" }, over)).toBe(false);
});

test("schedules that are not used are not looked at", () => {
  expect(checkEdgeForm(form({ recordingSchedule: { expression: "", durationSeconds: "" } }))).toEqual({});
});

test.each<Partial<EdgeForm>>([
  {},
  { hub: "arn:aws:iot:eu-west-1:123456789012:thing/other" },
  { recording: "schedule", uploading: "schedule" },
  { uploading: "hourly", deleteAfterUpload: false, sourceType: "FILE_URI" },
  { retentionHours: "48", sizeMb: "2000", onFull: "DENY_NEW_MEDIA" },
])("a form comes back from the API as it was: %o", (change) => {
  expect(edgeFormOf(edgeConfigOf(form(change), place), place)).toEqual(form(change));
});

test("what is left empty is left to the service", () => {
  const config = edgeConfigOf(form({ uploading: "hourly" }), place);
  expect(config.UploaderConfig).toBeUndefined();
  expect(config.RecorderConfig?.ScheduleConfig).toBeUndefined();
  expect(config.DeletionConfig).toEqual({ DeleteAfterUpload: true });
  expect(edgeConfigOf(form(), place).HubDeviceArn).toBe("arn:aws:iot:us-east-1:000000000000:thing/barn");
});
