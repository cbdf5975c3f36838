/** What a stream's form may hold, by the constraints of KVS API_CreateStream. */

export interface StreamForm {
  name: string;
  retention: string;
  retentionUnit: "hours" | "days";
  mediaType: string;
  deviceName: string;
}

export type FormErrors = Partial<Record<keyof StreamForm, string>>;

const RETENTION_HOURS_MAX = 87_600;

export const EMPTY_STREAM_FORM: StreamForm = {
  name: "",
  retention: "7",
  retentionUnit: "days",
  mediaType: "",
  deviceName: "",
};

export function retentionHours(form: Pick<StreamForm, "retention" | "retentionUnit">): number | undefined {
  if (!/^\d{1,6}$/.test(form.retention.trim())) return undefined;
  return Number(form.retention) * (form.retentionUnit === "days" ? 24 : 1);
}

export function checkStreamForm(form: StreamForm): FormErrors {
  const errors: FormErrors = {};
  if (!/^[a-zA-Z0-9_.-]{1,256}$/.test(form.name)) {
    errors.name = form.name === "" ? "Give the stream a name." : "Letters, digits, and _ . - only; 256 at most.";
  }
  const hours = retentionHours(form);
  if (hours === undefined) errors.retention = "Give a whole number; 0 keeps nothing.";
  else if (hours > RETENTION_HOURS_MAX) errors.retention = "Ten years at most (87,600 hours).";
  const mediaTypes = form.mediaType.trim();
  if (mediaTypes && !/^[\w.+-]+\/[\w.+-]+(,[\w.+-]+\/[\w.+-]+)*$/.test(mediaTypes)) {
    errors.mediaType = "Write types as type/subtype, separated by commas: video/h264,audio/aac.";
  }
  if (form.deviceName && !/^[a-zA-Z0-9_.-]{1,128}$/.test(form.deviceName)) {
    errors.deviceName = "Letters, digits, and _ . - only; 128 at most.";
  }
  return errors;
}

/** The unit in which hours are a whole number and short. */
export function retentionForm(hours: number): Pick<StreamForm, "retention" | "retentionUnit"> {
  return hours > 0 && hours % 24 === 0
    ? { retention: String(hours / 24), retentionUnit: "days" }
    : { retention: String(hours), retentionUnit: "hours" };
}

export interface Tag {
  key: string;
  value: string;
}

export interface TagChanges {
  set: Record<string, string>;
  remove: string[];
}

/** What turns one set of tags into another. */
export function tagChanges(before: Record<string, string>, after: Tag[]): TagChanges {
  const wanted = new Map(after.map(({ key, value }) => [key, value]));
  const set: Record<string, string> = {};
  for (const [key, value] of wanted) if (before[key] !== value) set[key] = value;
  return { set, remove: Object.keys(before).filter((key) => !wanted.has(key)) };
}
