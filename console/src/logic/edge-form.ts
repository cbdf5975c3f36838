/** An edge configuration as a form: what may stand in it (KVS API_EdgeConfig), and the way to the API and back. */
import type { EdgeConfig, ScheduleConfig } from "@aws-sdk/client-kinesis-video";
import { hubArnOf, hubKey, isHubArn, type Place } from "./hub";

export interface ScheduleForm {
  expression: string;
  durationSeconds: string;
}

export interface EdgeForm {
  /** A name in this server's account, or a whole ARN. */
  hub: string;
  secretArn: string;
  sourceType: "RTSP_URI" | "FILE_URI";
  recording: "always" | "schedule";
  recordingSchedule: ScheduleForm;
  uploading: "hourly" | "always" | "schedule";
  uploadingSchedule: ScheduleForm;
  retentionHours: string;
  sizeMb: string;
  onFull: "DELETE_OLDEST_MEDIA" | "DENY_NEW_MEDIA";
  deleteAfterUpload: boolean;
}

export type EdgeErrors = Partial<Record<keyof EdgeForm | "recordingDuration" | "uploadingDuration", string>>;

/** What Quartz's scheduler says as well: it refuses such a trigger. */
export const NEVER_FIRES = "It never fires from now on: a job with this schedule would never run.";

/** Windows of an hour that touch: open without a gap. */
const ALWAYS: ScheduleConfig = { ScheduleExpression: "0 0 * * * ?", DurationInSeconds: 3600 };

export const EMPTY_EDGE_FORM: EdgeForm = {
  hub: "",
  secretArn: "",
  sourceType: "RTSP_URI",
  recording: "always",
  recordingSchedule: { expression: "0 0 9-16 ? * MON-FRI", durationSeconds: "3600" },
  uploading: "always",
  uploadingSchedule: { expression: "0 0 2 * * ?", durationSeconds: "3600" },
  retentionHours: "",
  sizeMb: "",
  onFull: "DELETE_OLDEST_MEDIA",
  deleteAfterUpload: true,
};

export function scheduleErrors({ expression, durationSeconds }: ScheduleForm): { expression?: string; duration?: string } {
  const errors: { expression?: string; duration?: string } = {};
  if (expression.length < 11 || expression.length > 100) {
    errors.expression = "11 to 100 characters: seconds, minutes, hours, day of month, month, day of week.";
  }
  const seconds = whole(durationSeconds);
  if (seconds === undefined || seconds < 60 || seconds > 3600) errors.duration = "60 to 3600 seconds.";
  return errors;
}

/** `over`: expressions of which the server said that they never fire again. */
export function checkEdgeForm(form: EdgeForm, over: readonly string[] = []): EdgeErrors {
  const errors: EdgeErrors = {};
  if (form.hub === "") errors.hub = "Choose a hub, or type the name of one that will be.";
  else if (form.hub.startsWith("arn:") ? !isHubArn(form.hub) : !/^[a-zA-Z0-9_.-]{1,128}$/.test(form.hub)) {
    errors.hub = "A name of letters, digits, and _ . -, or the ARN of a thing.";
  }
  if (form.secretArn === "") errors.secretArn = "Choose the secret that holds the camera's address.";
  if (form.recording === "schedule") {
    const { expression, duration } = scheduleErrors(form.recordingSchedule);
    if (expression) errors.recordingSchedule = expression;
    else if (over.includes(form.recordingSchedule.expression)) errors.recordingSchedule = NEVER_FIRES;
    if (duration) errors.recordingDuration = duration;
  }
  if (form.uploading === "schedule") {
    const { expression, duration } = scheduleErrors(form.uploadingSchedule);
    if (expression) errors.uploadingSchedule = expression;
    else if (over.includes(form.uploadingSchedule.expression)) errors.uploadingSchedule = NEVER_FIRES;
    if (duration) errors.uploadingDuration = duration;
  }
  if (form.retentionHours !== "" && !inRange(form.retentionHours, 1, 720)) {
    errors.retentionHours = "1 to 720 hours; empty means 720, which is 30 days.";
  }
  if (form.sizeMb !== "" && !inRange(form.sizeMb, 64, 2_000_000)) {
    errors.sizeMb = "64 to 2,000,000 MB; empty means no limit.";
  }
  return errors;
}

/** Whether a job of this form would be refused by its scheduler: the form is not to be sent. */
export function neverRuns(form: EdgeForm, over: readonly string[]): boolean {
  const { recordingSchedule, uploadingSchedule } = checkEdgeForm(form, over);
  return recordingSchedule === NEVER_FIRES || uploadingSchedule === NEVER_FIRES;
}

export function edgeConfigOf(form: EdgeForm, place: Place): EdgeConfig {
  const uploaderSchedule =
    form.uploading === "always" ? ALWAYS : form.uploading === "schedule" ? scheduleOf(form.uploadingSchedule) : undefined;
  return {
    HubDeviceArn: hubArnOf(form.hub, place),
    RecorderConfig: {
      MediaSourceConfig: { MediaUriSecretArn: form.secretArn, MediaUriType: form.sourceType },
      ...(form.recording === "schedule" ? { ScheduleConfig: scheduleOf(form.recordingSchedule) } : {}),
    },
    ...(uploaderSchedule ? { UploaderConfig: { ScheduleConfig: uploaderSchedule } } : {}),
    DeletionConfig: {
      ...(form.retentionHours === "" ? {} : { EdgeRetentionInHours: Number(form.retentionHours) }),
      ...(form.sizeMb === ""
        ? {}
        : { LocalSizeConfig: { MaxLocalMediaSizeInMB: Number(form.sizeMb), StrategyOnFullSize: form.onFull } }),
      DeleteAfterUpload: form.deleteAfterUpload,
    },
  };
}

export function edgeFormOf(config: EdgeConfig, place: Place): EdgeForm {
  const arn = config.HubDeviceArn ?? "";
  const recording = config.RecorderConfig?.ScheduleConfig;
  const uploading = config.UploaderConfig?.ScheduleConfig;
  const deletion = config.DeletionConfig;
  const size = deletion?.LocalSizeConfig;
  return {
    hub: hubKey(arn, place),
    secretArn: config.RecorderConfig?.MediaSourceConfig?.MediaUriSecretArn ?? "",
    sourceType: config.RecorderConfig?.MediaSourceConfig?.MediaUriType ?? "RTSP_URI",
    recording: recording ? "schedule" : "always",
    recordingSchedule: recording ? formOf(recording) : EMPTY_EDGE_FORM.recordingSchedule,
    uploading: uploading ? (isAlways(uploading) ? "always" : "schedule") : "hourly",
    uploadingSchedule: uploading && !isAlways(uploading) ? formOf(uploading) : EMPTY_EDGE_FORM.uploadingSchedule,
    retentionHours: deletion?.EdgeRetentionInHours?.toString() ?? "",
    sizeMb: size?.MaxLocalMediaSizeInMB?.toString() ?? "",
    onFull: size?.StrategyOnFullSize ?? "DELETE_OLDEST_MEDIA",
    deleteAfterUpload: deletion?.DeleteAfterUpload ?? true,
  };
}

function isAlways(schedule: ScheduleConfig): boolean {
  return (
    schedule.ScheduleExpression === ALWAYS.ScheduleExpression &&
    schedule.DurationInSeconds === ALWAYS.DurationInSeconds
  );
}

function scheduleOf({ expression, durationSeconds }: ScheduleForm): ScheduleConfig {
  return { ScheduleExpression: expression, DurationInSeconds: Number(durationSeconds) };
}

function formOf(schedule: ScheduleConfig): ScheduleForm {
  return {
    expression: schedule.ScheduleExpression ?? "",
    durationSeconds: String(schedule.DurationInSeconds ?? ""),
  };
}

function whole(text: string): number | undefined {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined;
}

function inRange(text: string, least: number, greatest: number): boolean {
  const number = whole(text);
  return number !== undefined && number >= least && number <= greatest;
}
