/** The operations that Vigie adds, as functions. Timestamps are seconds since 1970, as everywhere in the API. */
import type { Call } from "./call";

export interface ScheduleQuestion {
  ScheduleExpression: string;
  DurationInSeconds?: number | undefined;
  TimeZone?: string | undefined;
  From?: number | undefined;
  Count?: number | undefined;
}

export interface Span {
  StartTimestamp: number;
  EndTimestamp: number;
}

export interface ScheduleAnswer {
  Description?: string;
  Fault?: { Message: string; Position: number };
  NextFires: number[];
  Windows: Span[];
}

export interface StreamMedia {
  SizeBytes: number;
  FragmentCount: number;
  OldestTimestamp?: number;
  NewestTimestamp?: number;
}

export interface HeldMedia extends Span {
  FragmentCount: number;
  SizeBytes: number;
}

export interface MediaGap {
  StartTimestamp: number;
  EndTimestamp?: number;
  Reason: string;
  HubDeviceArn: string;
}

export interface MediaLoss extends Span {
  Reason: string;
  FragmentCount: number;
  SizeBytes: number;
  HubDeviceArn: string;
}

export interface Hub {
  HubDeviceArn: string;
  AgentVersion?: string;
  LastSeenTimestamp?: number;
  InContact: boolean;
  StreamCount: number;
  FailingRecorderCount: number;
  /** Another agent that calls as this hub as well. */
  RefusedAgent?: { LastRefusedTimestamp: number; HasCopiedFolder: boolean; Details: string };
  /** Of the hub's clock against the server's; negative: behind. */
  ClockSkewMilliseconds?: number;
  /** How long it deletes nothing by age yet, because its clock jumped. */
  AgeHoldSecondsLeft?: number;
}

export interface JobStatus {
  JobStatusDetails?: string;
  LastCollectedTime?: number;
  LastUpdatedTime?: number;
  RecorderStatus?: string;
  UploaderStatus?: string;
}

export interface LocalMedia {
  SizeBytes: number;
  FragmentCount: number;
  OldestTimestamp?: number;
  NewestTimestamp?: number;
  NotUploadedBytes: number;
  SizeBytesMax?: number;
  SecondsUntilFull?: number;
  UploadLagSeconds?: number;
}

export interface HubStream {
  StreamName: string;
  StreamARN: string;
  SyncStatus: string;
  LastRecorderStatus?: JobStatus;
  LastUploaderStatus?: JobStatus;
  LocalMedia?: LocalMedia;
  OpenGap?: { StartTimestamp: number; Reason: string };
  Losses?: { FragmentCount: number; SizeBytes: number };
}

export interface AccessKey {
  AccessKeyId: string;
  PrincipalArn: string;
  CreationTime: number;
  Root: boolean;
  PolicyDocument?: string;
  RevocationTime?: number;
}

export interface NewAccessKey {
  AccessKeyId: string;
  SecretAccessKey: string;
  PrincipalArn: string;
}

export interface AuditEvent {
  EventTime: number;
  RequestId?: string;
  AccessKeyId?: string;
  PrincipalArn: string;
  Action: string;
  Resource?: string;
  StatusCode: number;
  ErrorCode?: string;
  RemoteAddress?: string;
  /** Of a deletion: bytes of video that only the hub had. */
  NotUploadedBytes?: number;
  /** Calls of the same address that the line stands for, where signatures are refused. */
  Count?: number;
  /** What was erased. */
  FragmentCount?: number;
  SizeBytes?: number;
  /** The folder or file that a command at the machine was about. */
  Path?: string;
}

export interface TestedTrack {
  TrackType: string;
  CodecId: string;
  WidthPixels?: number;
  HeightPixels?: number;
  FrameRateMillihertz?: number;
  SamplingFrequencyHertz?: number;
  Channels?: number;
}

export interface CameraTest {
  Connected: boolean;
  JobStatus: string;
  JobStatusDetails: string;
  Steps: { Step: string; DurationInMilliseconds: number }[];
  Tracks: TestedTrack[];
  /** JPEG, in base64. */
  ImageContent?: string;
  ImageError?: string;
}

interface Page {
  NextToken?: string;
}

export interface Range {
  from: number;
  until: number;
}

export type Extensions = ReturnType<typeof extensions>;

/** Where a list becomes too long to look at; the rest is left unread. */
const ENTRIES_MAX = 20_000;

export function extensions(call: Call) {
  const between = (StreamName: string, { from, until }: Range) => ({
    StreamName,
    StartTimestamp: from / 1000,
    EndTimestamp: until / 1000,
    MaxResults: 1000,
  });
  return {
    describeSchedule: (question: ScheduleQuestion, abort?: AbortSignal) =>
      call<ScheduleAnswer>("DescribeSchedule", question, abort),
    describeStreamMedia: (StreamName: string) => call<StreamMedia>("DescribeStreamMedia", { StreamName }),
    listMediaRanges: (streamName: string, range: Range) =>
      everyPage<{ Ranges: HeldMedia[] } & Page, HeldMedia>(
        call,
        "ListMediaRanges",
        between(streamName, range),
        (page) => page.Ranges,
      ),
    listMediaGaps: (streamName: string, range: Range) =>
      everyPage<{ Gaps: MediaGap[] } & Page, MediaGap>(
        call,
        "ListMediaGaps",
        between(streamName, range),
        (page) => page.Gaps,
      ),
    listMediaLosses: (streamName: string, range: Range) =>
      everyPage<{ Losses: MediaLoss[] } & Page, MediaLoss>(
        call,
        "ListMediaLosses",
        between(streamName, range),
        (page) => page.Losses,
      ),
    /** Since when a hub has told of a stream, in seconds; nothing when none has. */
    knownFrom: async (StreamName: string) =>
      (await call<{ KnownFrom?: number }>("ListMediaGaps", { StreamName, MaxResults: 1 })).KnownFrom,
    listHubs: () => everyPage<{ Hubs: Hub[] } & Page, Hub>(call, "ListHubs", { MaxResults: 1000 }, (page) => page.Hubs),
    describeHub: async (HubDeviceArn: string) => {
      const hubs: Hub[] = [];
      const Streams = await everyPage<{ Hub: Hub; Streams: HubStream[] } & Page, HubStream>(
        call,
        "DescribeHub",
        { HubDeviceArn, MaxResults: 1000 },
        (page) => {
          hubs.push(page.Hub);
          return page.Streams;
        },
      );
      return { Hub: hubs[0], Streams };
    },
    testCamera: (camera: { HubDeviceArn: string; MediaUriSecretArn: string }) =>
      call<CameraTest>("TestCamera", camera),
    listAccessKeys: () =>
      everyPage<{ AccessKeys: AccessKey[] } & Page, AccessKey>(
        call,
        "ListAccessKeys",
        { MaxResults: 1000 },
        (page) => page.AccessKeys,
      ),
    createAccessKey: async (input: { PolicyDocument?: string; Root?: boolean; UserName?: string }) =>
      (await call<{ AccessKey: NewAccessKey }>("CreateAccessKey", input)).AccessKey,
    revokeAccessKey: (AccessKeyId: string) => call<object>("RevokeAccessKey", { AccessKeyId }),
    listAuditEvents: (NextToken?: string) =>
      call<{ Events: AuditEvent[] } & Page>("ListAuditEvents", { MaxResults: 100, NextToken }),
  };
}

async function everyPage<P extends Page, Item>(
  call: Call,
  operation: string,
  input: object,
  itemsOf: (page: P) => Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  let NextToken: string | undefined;
  do {
    const page: P = await call<P>(operation, { ...input, NextToken });
    items.push(...itemsOf(page));
    NextToken = page.NextToken;
  } while (NextToken && items.length < ENTRIES_MAX);
  return items;
}
