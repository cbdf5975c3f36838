/** Video of a stream: sessions to play, images to look at. */
import {
  GetHLSStreamingSessionURLCommand,
  GetImagesCommand,
  type GetImagesOutput,
  type KinesisVideoArchivedMediaClient,
} from "@aws-sdk/client-kinesis-video-archived-media";
import { limited } from "../logic/limited";
import { type Sampling, samplings } from "../logic/sampling";
import type { Span } from "../logic/timeline";

const SESSION_SECONDS = 12 * 3600;
const HOUR = 3_600_000;
/** No session plays a longer range. */
const RANGE_MAX = 24 * HOUR;

/** Where to play from: the live end, or a moment in the past. */
export type Source = { live: true } | { live: false; from: number };

/** The URL of a playlist at this page's origin; sessions name the server as it names itself, which may be otherwise. */
export async function playlistUrl(
  client: KinesisVideoArchivedMediaClient,
  StreamName: string,
  source: Source,
): Promise<string> {
  const range = source.live
    ? // What is uploaded late is shown with the time at which it was filmed.
      { HLSFragmentSelector: { FragmentSelectorType: "PRODUCER_TIMESTAMP" as const } }
    : {
        HLSFragmentSelector: {
          FragmentSelectorType: "PRODUCER_TIMESTAMP" as const,
          TimestampRange: { StartTimestamp: new Date(source.from), EndTimestamp: new Date(source.from + RANGE_MAX) },
        },
        MaxMediaPlaylistFragmentResults: 5000,
      };
  const answer = await client.send(
    new GetHLSStreamingSessionURLCommand({
      StreamName,
      PlaybackMode: source.live ? "LIVE" : "ON_DEMAND",
      ContainerFormat: "FRAGMENTED_MP4",
      DiscontinuityMode: "ON_DISCONTINUITY",
      DisplayFragmentTimestamp: "ALWAYS",
      Expires: SESSION_SECONDS,
      ...range,
    }),
  );
  const url = new URL(answer.HLSStreamingSessionURL ?? "");
  return `${location.origin}${url.pathname}${url.search}`;
}

export interface Picture {
  at: number;
  /** Absent where there was no video. */
  url?: string;
}

/** Decoding is work: a page asks for few pictures at a time. */
const inTurn = limited(3);

/** Pictures of a range, evenly spread, `count` at most. */
export async function fetchImages(
  client: KinesisVideoArchivedMediaClient,
  StreamName: string,
  span: Span,
  count: number,
  WidthPixels: number,
): Promise<Picture[]> {
  const calls = samplings(span, count).map((sampling) =>
    inTurn(() => fetchSampling(client, StreamName, sampling, WidthPixels)),
  );
  return (await Promise.all(calls)).flat();
}

async function fetchSampling(
  client: KinesisVideoArchivedMediaClient,
  StreamName: string,
  { from, until, step }: Sampling,
  WidthPixels: number,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  let NextToken: string | undefined;
  do {
    const page: GetImagesOutput = await client.send(
      new GetImagesCommand({
        StreamName,
        ImageSelectorType: "PRODUCER_TIMESTAMP",
        StartTimestamp: new Date(from),
        EndTimestamp: new Date(until),
        SamplingInterval: step,
        Format: "JPEG",
        WidthPixels,
        NextToken,
      }),
    );
    for (const { TimeStamp, ImageContent } of page.Images ?? []) {
      const url = ImageContent ? { url: `data:image/jpeg;base64,${ImageContent}` } : {};
      pictures.push({ at: TimeStamp?.getTime() ?? from, ...url });
    }
    NextToken = page.NextToken;
  } while (NextToken);
  return pictures;
}
