/** The operations that Vigie adds, as functions. */
import type { Call } from "./call";
import type {
  ChangePasswordInput,
  CreateAccessKeyInput,
  CreateShareLinkInput,
  CreateUserInput,
  DescribeScheduleInput,
  HubStream,
  HubSummary,
  Operations,
  TestCameraInput,
  UpdateUserInput,
} from "./operations";

export interface Range {
  from: number;
  until: number;
}

export type Extensions = ReturnType<typeof extensions>;

/** Where a list becomes too long to look at; the rest is left unread. */
const ENTRIES_MAX = 20_000;

/** `CurrentPassword` goes with what asks a user for its password once more. */
export function extensions(call: Call, CurrentPassword?: string) {
  const between = (StreamName: string, { from, until }: Range) => ({
    StreamName,
    StartTimestamp: from / 1000,
    EndTimestamp: until / 1000,
    MaxResults: 1000,
  });
  return {
    describeSchedule: (question: DescribeScheduleInput, abort?: AbortSignal) =>
      call("DescribeSchedule", question, abort),
    describeStreamMedia: (StreamName: string) => call("DescribeStreamMedia", { StreamName }),
    listMediaRanges: (streamName: string, range: Range) =>
      everyPage(call, "ListMediaRanges", between(streamName, range), (page) => page.Ranges),
    listMediaGaps: (streamName: string, range: Range) =>
      everyPage(call, "ListMediaGaps", between(streamName, range), (page) => page.Gaps),
    listMediaLosses: (streamName: string, range: Range) =>
      everyPage(call, "ListMediaLosses", between(streamName, range), (page) => page.Losses),
    /** Since when a hub has told of a stream, in seconds; nothing when none has. */
    knownFrom: async (StreamName: string) => (await call("ListMediaGaps", { StreamName, MaxResults: 1 })).KnownFrom,
    listHubs: () => everyPage(call, "ListHubs", { MaxResults: 1000 }, (page) => page.Hubs),
    describeHub: async (HubDeviceArn: string) => {
      const hubs: HubSummary[] = [];
      const Streams: HubStream[] = await everyPage(call, "DescribeHub", { HubDeviceArn, MaxResults: 1000 }, (page) => {
        hubs.push(page.Hub);
        return page.Streams;
      });
      return { Hub: hubs[0], Streams };
    },
    /** The hub alone, without what it records. */
    describeHubItself: async (HubDeviceArn: string) => (await call("DescribeHub", { HubDeviceArn, MaxResults: 1 })).Hub,
    forgetHub: (HubDeviceArn: string) => call("ForgetHub", { HubDeviceArn }),
    testCamera: (camera: TestCameraInput) => call("TestCamera", camera),
    listAccessKeys: () => everyPage(call, "ListAccessKeys", { MaxResults: 1000 }, (page) => page.AccessKeys),
    createAccessKey: async (input: CreateAccessKeyInput) => (await call("CreateAccessKey", { ...input, CurrentPassword })).AccessKey,
    revokeAccessKey: (AccessKeyId: string) => call("RevokeAccessKey", { AccessKeyId }),
    exportClip: async (StreamName: string, { from, until }: Range) =>
      (await call("ExportClip", { StreamName, StartTimestamp: from / 1000, EndTimestamp: until / 1000 })).Files,
    createShareLink: (link: CreateShareLinkInput) => call("CreateShareLink", link),
    listShareLinks: (StreamName: string) =>
      everyPage(call, "ListShareLinks", { StreamName, MaxResults: 1000 }, (page) => page.ShareLinks),
    revokeShareLink: (StreamName: string, LinkId: string) => call("RevokeShareLink", { StreamName, LinkId }),
    listUsers: () => everyPage(call, "ListUsers", { MaxResults: 1000 }, (page) => page.Users),
    createUser: (input: CreateUserInput) => call("CreateUser", { ...input, CurrentPassword }),
    updateUser: (input: UpdateUserInput) => call("UpdateUser", { ...input, CurrentPassword }),
    deleteUser: (UserName: string) => call("DeleteUser", { UserName }),
    signOutUser: (UserName: string) => call("SignOutUser", { UserName }),
    changePassword: (input: ChangePasswordInput) => call("ChangePassword", input),
    listAuditEvents: (NextToken?: string) => call("ListAuditEvents", { MaxResults: 100, NextToken }),
  };
}

/** The operations that answer in pages. */
type Paged = {
  [Name in keyof Operations]: "NextToken" extends keyof Operations[Name]["output"] ? Name : never;
}[keyof Operations];

async function everyPage<Name extends Paged, Item>(
  call: Call,
  operation: Name,
  input: Operations[Name]["input"],
  itemsOf: (page: Operations[Name]["output"]) => Item[],
): Promise<Item[]> {
  const items: Item[] = [];
  let NextToken: string | undefined;
  do {
    const page = await call(operation, { ...input, NextToken });
    items.push(...itemsOf(page));
    NextToken = page.NextToken;
  } while (NextToken && items.length < ENTRIES_MAX);
  return items;
}
