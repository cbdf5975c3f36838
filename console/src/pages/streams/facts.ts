import type { DescribeEdgeConfigurationOutput } from "@aws-sdk/client-kinesis-video";
import { useMemo } from "react";
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
const HUBS_EVERY_MS = 5000;

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
  // Who may not see hubs sees streams without them. More often than what they say: that one is away is said at once.
  const loadedHubs = useLoad("hubs of all streams", () => extensions.listHubs().catch(() => []), HUBS_EVERY_MS);
  const hubs = loadedHubs.data;
  const arns = hubs?.map((hub) => hub.HubDeviceArn) ?? [];
  const said = useLoad(
    `what hubs say ${arns.join(" ")}`,
    () =>
      Promise.all(
        arns.map(async (arn) => {
          const { Streams } = await extensions.describeHub(arn).catch(() => ({ Streams: [] }));
          return { arn, streams: Streams };
        }),
      ),
    EVERY_MS,
  ).data;
  return useMemo(() => {
    if (!hubs || !said) return NOTHING;
    const told = said.flatMap(({ arn, streams }) => {
      const hub = hubs.find(({ HubDeviceArn }) => HubDeviceArn === arn);
      return streams.map((stream) => {
        const edge = { SyncStatus: stream.SyncStatus, EdgeAgentStatus: stream };
        return [stream.StreamName, troublesOf(edge, hub)] as const;
      });
    });
    return { hubs, troubles: new Map(told) };
  }, [hubs, said]);
}
