/** Schedules that people often want. */
import type { ScheduleForm } from "./edge-form";

export interface Pattern extends ScheduleForm {
  id: string;
  text: string;
}

export const PATTERNS: Pattern[] = [
  { id: "office", text: "Monday to Friday, 9 to 17", expression: "0 0 9-16 ? * MON-FRI", durationSeconds: "3600" },
  { id: "night", text: "Every night, 20 to 6", expression: "0 0 20-5 * * ?", durationSeconds: "3600" },
  { id: "weekend", text: "Weekends, all day", expression: "0 0 * ? * SAT,SUN", durationSeconds: "3600" },
  { id: "ten", text: "Ten minutes of every hour", expression: "0 0 * * * ?", durationSeconds: "600" },
  { id: "quarter", text: "One minute of every quarter hour", expression: "0 0/15 * * * ?", durationSeconds: "60" },
  { id: "two", text: "Every day, 2 to 3", expression: "0 0 2 * * ?", durationSeconds: "3600" },
];
