import {
  DeleteEdgeConfigurationCommand,
  DescribeEdgeConfigurationCommand,
  type DescribeEdgeConfigurationOutput,
  type EdgeConfig,
  type KinesisVideoClient,
  StartEdgeConfigurationUpdateCommand,
} from "@aws-sdk/client-kinesis-video";

/** A stream's edge configuration; nothing when it has none. */
export async function describeEdge(
  client: KinesisVideoClient,
  StreamName: string,
): Promise<DescribeEdgeConfigurationOutput | undefined> {
  try {
    return await client.send(new DescribeEdgeConfigurationCommand({ StreamName }));
  } catch (error) {
    if (error instanceof Error && error.name === "StreamEdgeConfigurationNotFoundException") return undefined;
    throw error;
  }
}

export async function startEdgeUpdate(client: KinesisVideoClient, StreamName: string, config: EdgeConfig): Promise<void> {
  await client.send(new StartEdgeConfigurationUpdateCommand({ StreamName, EdgeConfig: config }));
}

export async function deleteEdge(client: KinesisVideoClient, StreamName: string): Promise<void> {
  await client.send(new DeleteEdgeConfigurationCommand({ StreamName }));
}
