/** Streams, in whole steps. */
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DescribeStreamCommand,
  type KinesisVideoClient,
  ListStreamsCommand,
  ListTagsForStreamCommand,
  type StreamInfo,
  TagStreamCommand,
  UntagStreamCommand,
  UpdateDataRetentionCommand,
  UpdateStreamCommand,
} from "@aws-sdk/client-kinesis-video";
import { retentionHours, type StreamForm, type TagChanges } from "../logic/stream-form";

export async function listStreams(client: KinesisVideoClient): Promise<StreamInfo[]> {
  const streams: StreamInfo[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(new ListStreamsCommand({ MaxResults: 1000, NextToken }));
    streams.push(...(page.StreamInfoList ?? []));
    NextToken = page.NextToken;
  } while (NextToken);
  return streams;
}

export async function describeStream(client: KinesisVideoClient, StreamName: string): Promise<StreamInfo> {
  const { StreamInfo } = await client.send(new DescribeStreamCommand({ StreamName }));
  if (!StreamInfo) throw new Error("the server described no stream");
  return StreamInfo;
}

export async function createStream(client: KinesisVideoClient, form: StreamForm): Promise<void> {
  const input = {
    StreamName: form.name,
    DataRetentionInHours: retentionHours(form) ?? 0,
    MediaType: form.mediaType.trim() || undefined,
    DeviceName: form.deviceName || undefined,
  };
  await client.send(new CreateStreamCommand(input));
}

/** Changes what differs. Each change makes a new version, so the next one asks for it. */
export async function updateStream(client: KinesisVideoClient, before: StreamInfo, form: StreamForm): Promise<void> {
  const StreamName = before.StreamName ?? form.name;
  const hours = retentionHours(form) ?? 0;
  const change = hours - (before.DataRetentionInHours ?? 0);
  let CurrentVersion = before.Version;
  if (change !== 0) {
    const Operation = change > 0 ? "INCREASE_DATA_RETENTION" : "DECREASE_DATA_RETENTION";
    const input = { StreamName, CurrentVersion, Operation, DataRetentionChangeInHours: Math.abs(change) } as const;
    await client.send(new UpdateDataRetentionCommand(input));
    CurrentVersion = (await describeStream(client, StreamName)).Version;
  }
  const MediaType = form.mediaType.trim() || undefined;
  const DeviceName = form.deviceName || undefined;
  if (MediaType !== before.MediaType || DeviceName !== before.DeviceName) {
    await client.send(new UpdateStreamCommand({ StreamName, CurrentVersion, MediaType, DeviceName }));
  }
}

export async function deleteStream(client: KinesisVideoClient, StreamARN: string): Promise<void> {
  await client.send(new DeleteStreamCommand({ StreamARN }));
}

export async function listTags(client: KinesisVideoClient, StreamName: string): Promise<Record<string, string>> {
  const tags: Record<string, string> = {};
  let NextToken: string | undefined;
  do {
    const page = await client.send(new ListTagsForStreamCommand({ StreamName, NextToken }));
    Object.assign(tags, page.Tags);
    NextToken = page.NextToken;
  } while (NextToken);
  return tags;
}

export async function changeTags(client: KinesisVideoClient, StreamName: string, changes: TagChanges): Promise<void> {
  if (changes.remove.length > 0) {
    await client.send(new UntagStreamCommand({ StreamName, TagKeyList: changes.remove }));
  }
  if (Object.keys(changes.set).length > 0) {
    await client.send(new TagStreamCommand({ StreamName, Tags: changes.set }));
  }
}
