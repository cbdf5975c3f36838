/**
 * The operations that Vigie adds to the API, as the server declares them. Timestamps are seconds since 1970, as
 * everywhere in the API. Written by a test; do not edit:
 * `VIGIE_WRITE_CLIENT=1 cargo test --locked -p vigie-kvs --lib client`
 */

/** Input and output of each. */
export interface Operations {
  DescribeHub: { input: DescribeHubInput; output: DescribeHubOutput };
  ForgetHub: { input: ForgetHubInput; output: Empty };
  ListHubs: { input: ListHubsInput; output: ListHubsOutput };
  ListMediaGaps: { input: ListMediaLedgerInput; output: ListMediaGapsOutput };
  ListMediaLosses: { input: ListMediaLedgerInput; output: ListMediaLossesOutput };
  DescribeSchedule: { input: DescribeScheduleInput; output: DescribeScheduleOutput };
  DescribeStreamMedia: { input: DescribeStreamMediaInput; output: DescribeStreamMediaOutput };
  ListMediaRanges: { input: ListMediaRangesInput; output: ListMediaRangesOutput };
  ExportClip: { input: ExportClipInput; output: ExportClipOutput };
  CreateShareLink: { input: CreateShareLinkInput; output: CreateShareLinkOutput };
  ListShareLinks: { input: ListShareLinksInput; output: ListShareLinksOutput };
  RevokeShareLink: { input: RevokeShareLinkInput; output: Empty };
  TestCamera: { input: TestCameraInput; output: TestCameraOutput };
  CreateAccessKey: { input: CreateAccessKeyInput; output: CreateAccessKeyOutput };
  ListAccessKeys: { input: ListAccessKeysInput; output: ListAccessKeysOutput };
  ListAuditEvents: { input: ListAuditEventsInput; output: ListAuditEventsOutput };
  RevokeAccessKey: { input: RevokeAccessKeyInput; output: Empty };
  CreateUser: { input: CreateUserInput; output: UserOutput };
  UpdateUser: { input: UpdateUserInput; output: UserOutput };
  DeleteUser: { input: DeleteUserInput; output: Empty };
  ListUsers: { input: ListUsersInput; output: ListUsersOutput };
  SignOutUser: { input: SignOutUserInput; output: Empty };
  ChangePassword: { input: ChangePasswordInput; output: Empty };
}

/** Where each is. */
export const PATHS: Record<keyof Operations, string> = {
  DescribeHub: "/describeHub",
  ForgetHub: "/forgetHub",
  ListHubs: "/listHubs",
  ListMediaGaps: "/listMediaGaps",
  ListMediaLosses: "/listMediaLosses",
  DescribeSchedule: "/describeSchedule",
  DescribeStreamMedia: "/describeStreamMedia",
  ListMediaRanges: "/listMediaRanges",
  ExportClip: "/exportClip",
  CreateShareLink: "/createShareLink",
  ListShareLinks: "/listShareLinks",
  RevokeShareLink: "/revokeShareLink",
  TestCamera: "/testCamera",
  CreateAccessKey: "/createAccessKey",
  ListAccessKeys: "/listAccessKeys",
  ListAuditEvents: "/listAuditEvents",
  RevokeAccessKey: "/revokeAccessKey",
  CreateUser: "/createUser",
  UpdateUser: "/updateUser",
  DeleteUser: "/deleteUser",
  ListUsers: "/listUsers",
  SignOutUser: "/signOutUser",
  ChangePassword: "/changePassword",
};

/** What a policy can allow or deny. */
export type Action =
  | "kinesisvideo:CreateStream"
  | "kinesisvideo:DeleteEdgeConfiguration"
  | "kinesisvideo:DeleteStream"
  | "kinesisvideo:DescribeEdgeConfiguration"
  | "kinesisvideo:DescribeImageGenerationConfiguration"
  | "kinesisvideo:DescribeNotificationConfiguration"
  | "kinesisvideo:DescribeStream"
  | "kinesisvideo:DescribeStreamStorageConfiguration"
  | "kinesisvideo:GetDataEndpoint"
  | "kinesisvideo:ListEdgeAgentConfigurations"
  | "kinesisvideo:ListStreams"
  | "kinesisvideo:ListTagsForStream"
  | "kinesisvideo:StartEdgeConfigurationUpdate"
  | "kinesisvideo:TagStream"
  | "kinesisvideo:UntagStream"
  | "kinesisvideo:UpdateDataRetention"
  | "kinesisvideo:UpdateImageGenerationConfiguration"
  | "kinesisvideo:UpdateNotificationConfiguration"
  | "kinesisvideo:UpdateStream"
  | "kinesisvideo:UpdateStreamStorageConfiguration"
  | "kinesisvideo:GetClip"
  | "kinesisvideo:GetDASHStreamingSessionURL"
  | "kinesisvideo:GetHLSStreamingSessionURL"
  | "kinesisvideo:GetImages"
  | "kinesisvideo:GetMediaForFragmentList"
  | "kinesisvideo:ListFragments"
  | "kinesisvideo:GetMedia"
  | "kinesisvideo:PutMedia"
  | "secretsmanager:CreateSecret"
  | "secretsmanager:DeleteSecret"
  | "secretsmanager:DescribeSecret"
  | "secretsmanager:GetSecretValue"
  | "secretsmanager:ListSecrets"
  | "secretsmanager:PutSecretValue"
  | "kinesisvideo:DescribeHub"
  | "kinesisvideo:ForgetHub"
  | "kinesisvideo:ListHubs"
  | "kinesisvideo:ListMediaGaps"
  | "kinesisvideo:ListMediaLosses"
  | "kinesisvideo:DescribeSchedule"
  | "kinesisvideo:DescribeStreamMedia"
  | "kinesisvideo:ListMediaRanges"
  | "kinesisvideo:ExportClip"
  | "kinesisvideo:CreateShareLink"
  | "kinesisvideo:ListShareLinks"
  | "kinesisvideo:RevokeShareLink"
  | "kinesisvideo:SyncEdgeAgent"
  | "kinesisvideo:TestCamera"
  | "kinesisvideo:CreateAccessKey"
  | "kinesisvideo:ListAccessKeys"
  | "kinesisvideo:ListAuditEvents"
  | "kinesisvideo:RevokeAccessKey"
  | "kinesisvideo:CreateUser"
  | "kinesisvideo:UpdateUser"
  | "kinesisvideo:DeleteUser"
  | "kinesisvideo:ListUsers"
  | "kinesisvideo:SignOutUser";

/** The extension `DescribeHub`. */
export interface DescribeHubInput {
  /** Which. */
  HubDeviceArn: string;
  /** Streams in an answer, 1..=1000. */
  MaxResults?: number;
  /** From the page before. */
  NextToken?: string;
}

/** The extension `DescribeHub`. */
export interface DescribeHubOutput {
  /** The hub. */
  Hub: HubSummary;
  /** One page of its streams, in the order of their ARNs. */
  Streams: HubStream[];
  /** For the next page. */
  NextToken?: string;
}

/** A hub that has called, or that a stream is configured for. */
export interface HubSummary {
  /** Which. */
  HubDeviceArn: string;
  /** The agent's version; absent when it never called. */
  AgentVersion?: string;
  /** When it last called. */
  LastSeenTimestamp?: number;
  /** Whether a call of it is under way, or one ended within the last 8 s; of a hub that calls another instance of the server, or called before this one was started: whether it called within two minutes. */
  InContact: boolean;
  /** Streams that have an edge configuration for it. */
  StreamCount: number;
  /** Those of them whose recorder last reported USER_ERROR or SYSTEM_ERROR. */
  FailingRecorderCount: number;
  /** Another agent called as this hub within the last two minutes. */
  RefusedAgent?: RefusedAgent;
  /** How far its clock was ahead of the server's when it last called; negative: behind. Absent for older agents. */
  ClockSkewMilliseconds?: number;
  /** How long it deletes nothing by age yet, because its clock jumped; absent when it does. */
  AgeHoldSecondsLeft?: number;
}

/** Another agent that calls as a hub as well, and is refused. */
export interface RefusedAgent {
  /** When it last called, or was found out. */
  LastRefusedTimestamp: number;
  /** It works with a copy of the other one's data folder. */
  HasCopiedFolder: boolean;
  /** What to do. */
  Details: string;
}

/** What a hub last said of a stream. */
export interface HubStream {
  /** The stream's name. */
  StreamName: string;
  /** The stream. */
  StreamARN: string;
  /** Of its edge configuration. */
  SyncStatus: SyncStatus;
  /** Of the recorder. */
  LastRecorderStatus?: LastRecorderStatus;
  /** Of the uploader. */
  LastUploaderStatus?: LastUploaderStatus;
  /** What the hub keeps, and how much it may. */
  LocalMedia?: LocalMedia;
  /** The gap of the moment when it last said so. */
  OpenGap?: OpenGap;
  /** All losses together. */
  Losses?: LossTotals;
}

/** How far a configuration is with its hub. */
export type SyncStatus =
  /** On its way. */
  | "SYNCING"
  /** The hub has it. */
  | "ACKNOWLEDGED"
  /** The hub applied it. */
  | "IN_SYNC"
  /** The hub could not be reached or could not apply it. */
  | "SYNC_FAILED"
  /** The deletion is on its way. */
  | "DELETING"
  /** The deletion failed; it may be asked for again. */
  | "DELETE_FAILED"
  /** The hub is deleting. */
  | "DELETING_ACKNOWLEDGED";

/** KVS API_LastRecorderStatus. */
export interface LastRecorderStatus {
  /** For people. */
  JobStatusDetails?: string;
  /** When the job last ran and stored media on the hub's disk. */
  LastCollectedTime?: number;
  /** When this status changed. */
  LastUpdatedTime?: number;
  /** How it is doing. */
  RecorderStatus?: JobStatus;
}

/** How the recorder or uploader of a stream is doing (the model's RecorderStatus and UploaderStatus). */
export type JobStatus =
  /** Works, or waits for its schedule. */
  | "SUCCESS"
  /** Fails until someone changes something: URI, credentials, codec, secret. */
  | "USER_ERROR"
  /** Fails for a reason of the system: disk, network. */
  | "SYSTEM_ERROR";

/** KVS API_LastUploaderStatus. */
export interface LastUploaderStatus {
  /** For people. */
  JobStatusDetails?: string;
  /** When the job last ran and stored media at the service. */
  LastCollectedTime?: number;
  /** When this status changed. */
  LastUpdatedTime?: number;
  /** How it is doing. */
  UploaderStatus?: JobStatus;
}

/** What a hub keeps of a stream. */
export interface LocalMedia {
  /** All of it. */
  SizeBytes: number;
  /** All fragments. */
  FragmentCount: number;
  /** Start of the oldest fragment. */
  OldestTimestamp?: number;
  /** End of the newest fragment. */
  NewestTimestamp?: number;
  /** What exists nowhere else. */
  NotUploadedBytes: number;
  /** `MaxLocalMediaSizeInMB` in bytes, when there is one. */
  SizeBytesMax?: number;
  /** When that is reached, or the disk's reserve, at the present bit rate; absent while nothing is recorded. */
  SecondsUntilFull?: number;
  /** Age of the oldest media that is not uploaded; 0 when all is. */
  UploadLagSeconds?: number;
}

/** A gap that has begun and not ended. */
export interface OpenGap {
  /** Since when. */
  StartTimestamp: number;
  /** Why. */
  Reason: MediaGapReason;
}

/** Why there is no media. */
export type MediaGapReason =
  /** Outside the windows of the recorder's `ScheduleConfig`. */
  | "SCHEDULE_CLOSED"
  /** The camera or the file gave none: off, unreachable, refused, or being connected to. */
  | "SOURCE_OFFLINE"
  /** A `FILE_URI` is recorded to its end. */
  | "SOURCE_ENDED"
  /** The policy (`DENY_NEW_MEDIA`) or the disk's reserve allowed no new media. */
  | "DISK_DENIED"
  /** The hub's disk failed or was full. */
  | "DISK_ERROR"
  /** The agent did not run. */
  | "HUB_OFF"
  /** The hub's clock was set over this time: no media was recorded under it. */
  | "CLOCK_SET"
  /** Deleted, older than `EdgeRetentionInHours`. */
  | "DELETED_BY_AGE"
  /** Deleted for `MaxLocalMediaSizeInMB`. */
  | "DELETED_BY_SIZE"
  /** Deleted for the free space that the hub keeps in reserve. */
  | "DELETED_BY_DISK_RESERVE"
  /** Deleted on the hub, since the service has it. */
  | "DELETED_AFTER_UPLOAD"
  /** The hub has it and the service does not, yet. */
  | "NOT_UPLOADED"
  /** It was erased on the hub, with the edge configuration or by an operator, and the service never had it. */
  | "ERASED";

/** What was lost in all, since the ledger began. */
export interface LossTotals {
  /** Fragments. */
  FragmentCount: number;
  /** Bytes. */
  SizeBytes: number;
}

/** The extension `ForgetHub`. */
export interface ForgetHubInput {
  /** Which. */
  HubDeviceArn: string;
}

/** The answer of operations that return nothing: `{}`. */
export type Empty = Record<string, never>;

/** The extension `ListHubs`. */
export interface ListHubsInput {
  /** 1..=1000. */
  MaxResults?: number;
  /** From the page before. */
  NextToken?: string;
}

/** The extension `ListHubs`. */
export interface ListHubsOutput {
  /** One page, in the order of their ARNs. */
  Hubs: HubSummary[];
  /** For the next page. */
  NextToken?: string;
}

/** The extensions `ListMediaGaps` and `ListMediaLosses`. */
export interface ListMediaLedgerInput {
  /** Either this or the ARN. */
  StreamName?: string;
  /** Either this or the name. */
  StreamARN?: string;
  /** Only what ends after this. */
  StartTimestamp?: number;
  /** Only what begins before this. */
  EndTimestamp?: number;
  /** 1..=1000. */
  MaxResults?: number;
  /** From the page before. */
  NextToken?: string;
}

/** The extension `ListMediaGaps`. */
export interface ListMediaGapsOutput {
  /** One page, in the order of their begin. */
  Gaps: MediaGap[];
  /** No hub has said anything about the time before. */
  KnownFrom?: number;
  /** For the next page. */
  NextToken?: string;
}

/** One gap, as the service answers it. */
export interface MediaGap {
  /** Begin. */
  StartTimestamp: number;
  /** End; absent while it lasts. */
  EndTimestamp?: number;
  /** Why. */
  Reason: MediaGapReason;
  /** Which hub says so. */
  HubDeviceArn: string;
}

/** The extension `ListMediaLosses`. */
export interface ListMediaLossesOutput {
  /** One page, in the order of their begin. */
  Losses: MediaLoss[];
  /** For the next page. */
  NextToken?: string;
}

/** One loss, as the service answers it. */
export interface MediaLoss {
  /** Begin. */
  StartTimestamp: number;
  /** End. */
  EndTimestamp: number;
  /** Why: one of the deletions. */
  Reason: MediaGapReason;
  /** Fragments. */
  FragmentCount: number;
  /** Bytes. */
  SizeBytes: number;
  /** Which hub lost it. */
  HubDeviceArn: string;
}

/** Asks what a schedule means. */
export interface DescribeScheduleInput {
  /** Quartz cron. */
  ScheduleExpression: string;
  /** How long each fire lasts, 60..=3600; without it the answer has no windows. */
  DurationInSeconds?: number;
  /** An IANA name; UTC unless given. Schedules run in the zone of their hub. */
  TimeZone?: string;
  /** From when on; now unless given. */
  From?: number;
  /** How many fires, 1..=100; 5 unless given. */
  Count?: number;
}

/** What a schedule means. */
export interface DescribeScheduleOutput {
  /** One sentence; absent when the expression is wrong. */
  Description?: string;
  /** Why there is none. */
  Fault?: ScheduleFault;
  /** When it fires next, epoch seconds. */
  NextFires: number[];
  /** When it is open during the week that begins at `From`: windows that touch are one. */
  Windows: ScheduleWindow[];
}

/** Where and why an expression is wrong. */
export interface ScheduleFault {
  /** What to write instead. */
  Message: string;
  /** Offset in the expression, in characters. */
  Position: number;
}

/** A time during which a schedule is open. */
export interface ScheduleWindow {
  /** When it opens. */
  StartTimestamp: number;
  /** When it closes. */
  EndTimestamp: number;
}

/** Asks what the server holds of a stream. */
export interface DescribeStreamMediaInput {
  /** Either this or the ARN. */
  StreamName?: string;
  /** Either this or the name. */
  StreamARN?: string;
}

/** What the server holds of a stream. */
export interface DescribeStreamMediaOutput {
  /** Bytes on disk. */
  SizeBytes: number;
  /** Fragments. */
  FragmentCount: number;
  /** When the oldest media begins, by the producer's clock. */
  OldestTimestamp?: number;
  /** When the newest media ends, by the producer's clock. */
  NewestTimestamp?: number;
}

/** Asks where media of a stream lies in time. */
export interface ListMediaRangesInput {
  /** Either this or the ARN. */
  StreamName?: string;
  /** Either this or the name. */
  StreamARN?: string;
  /** Only media that ends after this. */
  StartTimestamp: number;
  /** Only media that begins before this. */
  EndTimestamp: number;
  /** 1..=1000. */
  MaxResults?: number;
  /** From the page before, whose range counts. */
  NextToken?: string;
}

/** Where media of a stream lies in time. */
export interface ListMediaRangesOutput {
  /** One page, in the order of time. What is very long may go on in the first range of the next page. */
  Ranges: HeldMedia[];
  /** For the next page. */
  NextToken?: string;
}

/** Media without a gap that anybody would see. */
export interface HeldMedia {
  /** Begin, by the producer's clock. */
  StartTimestamp: number;
  /** End. */
  EndTimestamp: number;
  /** Fragments. */
  FragmentCount: number;
  /** Their bytes. */
  SizeBytes: number;
}

/** Asks for the files of a range. */
export interface ExportClipInput {
  /** Either this or the ARN. */
  StreamName?: string;
  /** Either this or the name. */
  StreamARN?: string;
  /** Where the range begins, by the producer's clock. */
  StartTimestamp: number;
  /** Where it ends. */
  EndTimestamp: number;
  /** For how many seconds the URLs hold: 300..=43200, else 12 hours. */
  Expires?: number;
}

/** The files of a range. */
export interface ExportClipOutput {
  /** In the order of time. More than one where tracks or codec parameters change, for a file has one set of them. */
  Files: ClipFile[];
}

/** One MP4 file, which is made while it is downloaded. */
export interface ClipFile {
  /** Where it is downloaded, by anybody who has this. Takes `Range`. */
  ClipFileURL: string;
  /** Where its SHA-256 is computed and told. */
  ChecksumURL: string;
  /** A good name for it. */
  FileName: string;
  /** Where its media begins, by the producer's clock: with the key frame at or before the start that was asked for. */
  StartTimestamp: number;
  /** Where its media ends. */
  EndTimestamp: number;
  /** Fragments in it. */
  FragmentCount: number;
  /** Their stored bytes, of which the file's size is a little less or more. */
  MediaSizeBytes: number;
  /** RFC 6381 codec strings of its tracks. */
  Codecs: string[];
  /** Gaps in it, the first 1,000. */
  Gaps: ClipGap[];
  /** All gaps in it. */
  GapCount: number;
}

/** A time of which a file has no media. */
export interface ClipGap {
  /** Begin, by the producer's clock. */
  StartTimestamp: number;
  /** End. */
  EndTimestamp: number;
}

/** Asks for a new share link. */
export interface CreateShareLinkInput {
  /** Either this or the ARN. */
  StreamName?: string;
  /** Either this or the name. */
  StreamARN?: string;
  /** What it shows. */
  Kind: ShareLinkKind;
  /** Where what it shows begins, by the producer's clock. Of a stream: now, unless given. */
  StartTimestamp?: number;
  /** Where a clip ends. */
  EndTimestamp?: number;
  /** For how many seconds it holds: 300..=2592000. */
  Expires: number;
}

/** What a share link shows. */
export type ShareLinkKind =
  /** A stream: live, and what it recorded from a moment on. */
  | "STREAM"
  /** One range, to play and to download. */
  | "CLIP";

/** Answers CreateShareLink. */
export interface CreateShareLinkOutput {
  /** The link. */
  ShareLink: ShareLink;
  /** What to hand over; shown this once. */
  ShareLinkURL: string;
}

/** A share link without its secret. */
export interface ShareLink {
  /** Names it, and opens nothing. */
  LinkId: string;
  /** Of the stream. */
  StreamARN: string;
  /** Of the stream. */
  StreamName: string;
  /** What it shows. */
  Kind: ShareLinkKind;
  /** Where what it shows begins, by the producer's clock. */
  StartTimestamp: number;
  /** Where a clip ends. */
  EndTimestamp?: number;
  /** Who made it. */
  PrincipalArn: string;
  /** When it was made. */
  CreationTime: number;
  /** When it ends. */
  ExpirationTime: number;
  /** When it was revoked, if it was. */
  RevocationTime?: number;
}

/** Asks for a page of a stream's share links. */
export interface ListShareLinksInput {
  /** Either this or the ARN. */
  StreamName?: string;
  /** Either this or the name. */
  StreamARN?: string;
  /** 1..=1000. */
  MaxResults?: number;
  /** From the page before. */
  NextToken?: string;
}

/** A page of a stream's share links, newest first; those that have ended are in it for 30 days. */
export interface ListShareLinksOutput {
  /** One page. */
  ShareLinks: ShareLink[];
  /** For the next page. */
  NextToken?: string;
}

/** Ends a share link for good, with all that plays or downloads through it. */
export interface RevokeShareLinkInput {
  /** Either this or the ARN. */
  StreamName?: string;
  /** Either this or the name. */
  StreamARN?: string;
  /** Which one. */
  LinkId: string;
}

/** Asks a hub to try a camera's address. */
export interface TestCameraInput {
  /** Which hub. */
  HubDeviceArn: string;
  /** Either this or the URI. */
  MediaUriSecretArn?: string;
  /** Either this or the secret. */
  MediaUri?: string;
}

/** What came of a test. */
export interface TestCameraOutput {
  /** Whether the camera sends what can be recorded. */
  Connected: boolean;
  /** As `RecorderStatus` would be. */
  JobStatus: JobStatus;
  /** As the recorder's `JobStatusDetails` would be. */
  JobStatusDetails: string;
  /** How long each step took, in order; the last one is where it failed. */
  Steps: TimedStep[];
  /** What the camera sends. */
  Tracks: TestedTrack[];
  /** The first picture as JPEG, in base64. */
  ImageContent?: string;
  /** Why there is none. */
  ImageError?: string;
}

/** A step and how long it took. */
export interface TimedStep {
  /** Which. */
  Step: CameraTestStep;
  /** How long it took. */
  DurationInMilliseconds: number;
}

/** A step of the test of a camera. */
export type CameraTestStep =
  /** Read the secret that holds the address. */
  | "READ_SECRET"
  /** Make the connection. */
  | "CONNECT"
  /** RTSP DESCRIBE. */
  | "DESCRIBE"
  /** RTSP SETUP of each track, and PLAY. */
  | "SETUP"
  /** Wait for a key frame. */
  | "KEY_FRAME";

/** A track that a camera sends. */
export interface TestedTrack {
  /** What it carries. */
  TrackType: TestedTrackType;
  /** Matroska's CodecID. */
  CodecId: string;
  /** Matroska's CodecPrivate; not told to whoever asked for the test. */
  CodecPrivateData?: string;
  /** Of pictures. */
  WidthPixels?: number;
  /** Of pictures. */
  HeightPixels?: number;
  /** Pictures in a thousand seconds, when the camera says so. */
  FrameRateMillihertz?: number;
  /** Of sound. */
  SamplingFrequencyHertz?: number;
  /** Of sound. */
  Channels?: number;
}

/** What a track carries. */
export type TestedTrackType =
  /** Pictures. */
  | "VIDEO"
  /** Sound. */
  | "AUDIO";

/** Asks for a new access key. */
export interface CreateAccessKeyInput {
  /** What the key may do: an IAM identity policy. Either this or `Root`. */
  PolicyDocument?: string;
  /** True for a key that may do everything. Said outright, so that a forgotten policy makes no root key. */
  Root?: boolean;
  /** The user's name in ARNs and refusals; the key's id unless given. Root keys have none. */
  UserName?: string;
  /** The caller's own password, where that is a user. */
  CurrentPassword?: string;
}

/** Answers CreateAccessKey. */
export interface CreateAccessKeyOutput {
  /** The key. */
  AccessKey: NewAccessKey;
}

/** A new access key, with the secret half that is shown this once. */
export interface NewAccessKey {
  /** `AKIA…`. */
  AccessKeyId: string;
  /** 40 characters. */
  SecretAccessKey: string;
  /** Who uses it. */
  PrincipalArn: string;
  /** When it was made. */
  CreationTime: number;
}

/** Asks for a page of the access keys. */
export interface ListAccessKeysInput {
  /** 1..=1000. */
  MaxResults?: number;
  /** From the page before. */
  NextToken?: string;
}

/** A page of the access keys, oldest first, revoked ones included. */
export interface ListAccessKeysOutput {
  /** One page. */
  AccessKeys: AccessKey[];
  /** For the next page. */
  NextToken?: string;
}

/** An access key without its secret half. */
export interface AccessKey {
  /** `AKIA…`. */
  AccessKeyId: string;
  /** Who uses it. */
  PrincipalArn: string;
  /** When it was made. */
  CreationTime: number;
  /** Whether it may do everything. */
  Root: boolean;
  /** What it may do, unless that is everything. */
  PolicyDocument?: string;
  /** When it was revoked, if it was. */
  RevocationTime?: number;
}

/** Asks for a page of the audit log. */
export interface ListAuditEventsInput {
  /** 1..=1000. */
  MaxResults?: number;
  /** From the page before. */
  NextToken?: string;
}

/** A page of the audit log, newest first. */
export interface ListAuditEventsOutput {
  /** One page; may be short or empty although more follow. */
  Events: AuditEvent[];
  /** For the next, older page; absent when there is none. */
  NextToken?: string;
}

/** One call that changed something, or was to. */
export interface AuditEvent {
  /** When it was answered. */
  EventTime: number;
  /** The `x-amzn-RequestId` of the answer; absent for a command at the machine. */
  RequestId?: string;
  /** The key that signed; absent for a command at the machine. */
  AccessKeyId?: string;
  /** Who it was. */
  PrincipalArn: string;
  /** Such as `kinesisvideo:CreateStream`. */
  Action: string;
  /** The ARN that it was about, where one was named. */
  Resource?: string;
  /** The HTTP status. */
  StatusCode: number;
  /** The exception; absent when the call was carried out. */
  ErrorCode?: string;
  /** Address and port of the caller; absent for a command at the machine. */
  RemoteAddress?: string;
  /** Bytes of video that went by it and were never uploaded; absent where there were none. */
  NotUploadedBytes?: number;
  /** How many calls of the same address it stands for; where signatures are refused. */
  Count?: number;
  /** Fragments that were erased. */
  FragmentCount?: number;
  /** Their bytes. */
  SizeBytes?: number;
  /** The folder or file that a command at the machine was about. */
  Path?: string;
}

/** Revokes an access key, and the temporary credentials that came from it, for good. */
export interface RevokeAccessKeyInput {
  /** `AKIA…`. */
  AccessKeyId: string;
}

/** Asks for a new user. */
export interface CreateUserInput {
  /** Its name, by which it signs in; case does not matter. */
  UserName: string;
  /** 10 characters to 256 bytes, and not the name. */
  Password: string;
  /** What it may do. */
  Role: Role;
  /** The streams that the role is for, `*` for any characters; all where neither these nor `StreamTag` is given. */
  StreamNames?: string[];
  /** The streams that the role is for, by a tag. */
  StreamTag?: StreamTag;
  /** The caller's own, where that is a user. */
  CurrentPassword?: string;
}

/** What a user may do; each may do what the one before may. */
export type Role =
  /** Look and listen, search and export. */
  | "VIEWER"
  /** Run cameras: streams, edge configurations, secrets. */
  | "OPERATOR"
  /** Everything but root keys. */
  | "ADMINISTRATOR";

/** A tag that chooses streams. */
export interface StreamTag {
  /** Its key. */
  TagKey: string;
  /** Its value. */
  TagValue: string;
}

/** Answers CreateUser and UpdateUser. */
export interface UserOutput {
  /** The user as it is now. */
  User: User;
}

/** A user, without its password. */
export interface User {
  /** By which it signs in. */
  UserName: string;
  /** `AIDA…`; another for each user that ever was. */
  UserId: string;
  /** As IAM and the audit log name it. */
  Arn: string;
  /** What it may do. */
  Role: Role;
  /** The streams that the role is for; absent where it is for all, or a tag chooses. */
  StreamNames?: string[];
  /** The tag of the streams that the role is for. */
  StreamTag?: StreamTag;
  /** Whether it can sign in. */
  Disabled: boolean;
  /** When it was made. */
  CreationTime: number;
  /** When its password was last set. */
  PasswordChangeTime: number;
  /** When it last signed in. */
  LastSignInTime?: number;
}

/** Changes a user, and ends its sessions. */
export interface UpdateUserInput {
  /** Which. */
  UserName: string;
  /** Another role, with its streams; both stay where it is absent. */
  Role?: Role;
  /** See CreateUser. */
  StreamNames?: string[];
  /** See CreateUser. */
  StreamTag?: StreamTag;
  /** Whether it can sign in no more. */
  Disabled?: boolean;
  /** Another password. */
  Password?: string;
  /** The caller's own, where that is a user. */
  CurrentPassword?: string;
}

/** Removes a user, and ends its sessions. */
export interface DeleteUserInput {
  /** Which. */
  UserName: string;
}

/** Asks for a page of the users. */
export interface ListUsersInput {
  /** 1..=1000. */
  MaxResults?: number;
  /** From the page before. */
  NextToken?: string;
}

/** A page of the users, by name. */
export interface ListUsersOutput {
  /** One page. */
  Users: User[];
  /** For the next page. */
  NextToken?: string;
}

/** Ends the sessions of a user. */
export interface SignOutUserInput {
  /** Which. */
  UserName: string;
}

/** Sets the password of the user that calls, and ends its sessions. */
export interface ChangePasswordInput {
  /** The one until now. */
  CurrentPassword: string;
  /** The one from now on. */
  Password: string;
}
