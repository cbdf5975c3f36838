import type { DescribeEdgeConfigurationOutput } from "@aws-sdk/client-kinesis-video";
import { useApi } from "../../api/api";
import { describeEdge } from "../../api/edge";
import type { DescribeStreamMediaOutput, HubSummary } from "../../api/operations";
import { useLoad } from "../../ui/load";

/** What the list shows of a stream beyond its name. */
export interface StreamFacts {
  media: DescribeStreamMediaOutput | undefined;
  edge: DescribeEdgeConfigurationOutput | undefined;
  /** That of the edge configuration. */
  hub: HubSummary | undefined;
}

/** The facts of the streams of a page of the list; what may not be read is left out. */
export function useFacts(names: string[]): Map<string, StreamFacts> {
  const { extensions, kinesisVideo } = useApi();
  const loaded = useLoad(
    `facts ${names.join(" ")}`,
    async () => {
      const hubs = await extensions.listHubs().catch(() => []);
      const facts = await Promise.all(
        names.map(async (name) => {
          const [media, edge] = await Promise.allSettled([
            extensions.describeStreamMedia(name),
            describeEdge(kinesisVideo, name),
          ]);
          return [
            name,
            {
              media: media.status === "fulfilled" ? media.value : undefined,
              edge: edge.status === "fulfilled" ? edge.value : undefined,
              hub:
                edge.status === "fulfilled"
                  ? hubs.find(({ HubDeviceArn }) => HubDeviceArn === edge.value?.EdgeConfig?.HubDeviceArn)
                  : undefined,
            },
          ] as const;
        }),
      );
      return new Map<string, StreamFacts>(facts);
    },
    10_000,
  );
  return loaded.data ?? new Map();
}
