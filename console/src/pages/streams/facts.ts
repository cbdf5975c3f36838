import type { DescribeEdgeConfigurationOutput } from "@aws-sdk/client-kinesis-video";
import { useApi } from "../../api/api";
import { describeEdge } from "../../api/edge";
import type { DescribeStreamMediaOutput, HubSummary } from "../../api/operations";
import { type Trouble, troublesOf } from "../../logic/troubles";
import { useLoad } from "../../ui/load";

/** What the list shows of a stream beyond its name. */
export interface StreamFacts {
  media: DescribeStreamMediaOutput | undefined;
  edge: DescribeEdgeConfigurationOutput | undefined;
}

const EVERY_MS = 10_000;

/** The facts of the streams of a page of the list; what may not be read is left out. */
export function useFacts(names: string[]): Map<string, StreamFacts> {
  const { extensions, kinesisVideo } = useApi();
  const loaded = useLoad(
    `facts ${names.join(" ")}`,
    async () => {
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
            },
          ] as const;
        }),
      );
      return new Map<string, StreamFacts>(facts);
    },
    EVERY_MS,
  );
  return loaded.data ?? new Map();
}

/** What hubs said of all streams, by the stream's name: a call for each hub and not for each stream. */
export interface HubTruth {
  hubs: HubSummary[];
  troubles: Map<string, Trouble[]>;
}

const NOTHING: HubTruth = { hubs: [], troubles: new Map() };

export function useHubTruth(): HubTruth {
  const { extensions } = useApi();
  const loaded = useLoad(
    "what hubs say",
    async () => {
      // Who may not see hubs sees streams without them.
      const hubs = await extensions.listHubs().catch(() => []);
      const told = await Promise.all(
        hubs.map(async (hub) => {
          const { Streams } = await extensions.describeHub(hub.HubDeviceArn).catch(() => ({ Streams: [] }));
          return Streams.map((stream) => {
            const edge = { SyncStatus: stream.SyncStatus, EdgeAgentStatus: stream };
            return [stream.StreamName, troublesOf(edge, hub)] as const;
          });
        }),
      );
      return { hubs, troubles: new Map(told.flat()) };
    },
    EVERY_MS,
  );
  return loaded.data ?? NOTHING;
}
