/** The operations that Vigie adds, as functions. Timestamps are seconds since 1970, as everywhere in the API. */
import { type Call, type Credentials, signedCall } from "./call";

export interface ScheduleQuestion {
  ScheduleExpression: string;
  DurationInSeconds?: number | undefined;
  TimeZone?: string | undefined;
  From?: number | undefined;
  Count?: number | undefined;
}

export interface ScheduleAnswer {
  Valid: boolean;
  Description?: string;
  NextFires?: number[];
  /** Merged windows of the week from `From` on; only when a duration was given. */
  Windows?: { From: number; Until: number }[];
  Error?: { Message: string; Position: number };
}

export interface Extensions {
  call: Call;
  describeSchedule(question: ScheduleQuestion, abort?: AbortSignal): Promise<ScheduleAnswer>;
}

export function extensions(region: string, credentials: Credentials): Extensions {
  const call = signedCall(region, credentials);
  return {
    call,
    describeSchedule: (question, abort) => call("DescribeSchedule", question, abort),
  };
}
