import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import ToggleButton from "@cloudscape-design/components/toggle-button";
import { useRef, useState } from "react";
import { useApi } from "../../api/api";
import { fetchClip, fetchImages, type Picture } from "../../api/playback";
import type { Span } from "../../logic/timeline";
import { durationText, sizeText } from "../../logic/units";
import { useAction } from "../../ui/action";
import { Problem } from "../../ui/problem";
import { localText, Time } from "../../ui/time";

interface Props {
  streamName: string;
  /** Where playing is. */
  at: number | undefined;
  selection: Span | undefined;
  selecting: boolean;
  setSelecting: (selecting: boolean) => void;
  select: (span: Span | undefined) => void;
  seek: (at: number) => void;
}

const IMAGES = 12;
const IMAGE_WIDTH_PX = 320;

/** How much of a file has come. */
interface Come {
  bytes: number;
  /** Not a number until the server has said it. */
  all: number;
}

/** What can be done with a part of time: marked, kept as a file, looked at. */
export function RangeTools(props: Props) {
  const { streamName, at, selection, selecting, setSelecting, select, seek } = props;
  const { archivedMedia, settings } = useApi();
  const [come, setCome] = useState<Come>();
  const [pictures, setPictures] = useState<Picture[]>();
  const clip = useAction();
  const strip = useAction();
  const abort = useRef<AbortController>(undefined);
  const download = (span: Span) =>
    clip.act(async () => {
      const { signal } = (abort.current = new AbortController());
      setCome({ bytes: 0, all: Number.NaN });
      try {
        const progress = (bytes: number, all: number) => setCome({ bytes, all });
        const file = await fetchClip(archivedMedia, streamName, span, progress, signal);
        save(file, fileName(streamName, span.from, "mp4"));
      } catch (error) {
        // Whoever stopped it knows.
        if (!signal.aborted) throw error;
      } finally {
        setCome(undefined);
      }
    });
  const look = (span: Span) =>
    strip.act(async () => {
      setPictures(undefined);
      setPictures(await fetchImages(archivedMedia, streamName, span, IMAGES, IMAGE_WIDTH_PX));
    });
  const mark = (change: Partial<Span>) => {
    if (at === undefined) return;
    const span = { from: at, until: at, ...selection, ...change };
    select(span.until < span.from ? { from: at, until: at } : span);
  };
  return (
    <SpaceBetween size="s">
      <SpaceBetween direction="horizontal" size="xs">
        <ToggleButton
          pressed={selecting}
          iconName="edit"
          pressedIconName="edit"
          onChange={({ detail }) => setSelecting(detail.pressed)}
        >
          Select a range
        </ToggleButton>
        <Button disabled={at === undefined} onClick={() => mark({ from: at ?? 0 })}>
          Start here
        </Button>
        <Button disabled={at === undefined} onClick={() => mark({ until: at ?? 0 })}>
          End here
        </Button>
        {selection && selection.until > selection.from && (
          <SpaceBetween direction="horizontal" size="xs">
            <Button
              variant="primary"
              iconName="download"
              loading={clip.busy}
              loadingText="Downloading the clip"
              onClick={() => void download(selection)}
            >
              Download clip
            </Button>
            {settings.Images && (
              <Button loading={strip.busy} onClick={() => void look(selection)}>
                Show images
              </Button>
            )}
            <Button
              variant="link"
              onClick={() => {
                select(undefined);
                setPictures(undefined);
              }}
            >
              Clear
            </Button>
          </SpaceBetween>
        )}
      </SpaceBetween>
      {selection && (
        <div role="status">
          From <Time at={selection.from} /> to <Time at={selection.until} />,{" "}
          {durationText(selection.until - selection.from)}
        </div>
      )}
      {come && <Progress come={come} stop={() => abort.current?.abort()} />}
      {clip.failure?.name === "ClientLimitExceededException" ? (
        <Alert type="error" header="The range is too long for one clip">
          {clip.failure.message}
        </Alert>
      ) : (
        clip.failure && <Problem failure={clip.failure} />
      )}
      {strip.failure && <Problem failure={strip.failure} />}
      {pictures && (
        <div className="images" role="list" aria-label="Images">
          {pictures.map((picture) => (
            <div role="listitem" key={picture.at}>
              <button type="button" onClick={() => seek(picture.at)}>
                {picture.url ? <img src={picture.url} alt="Picture" /> : <span>No video</span>}
                {localText(picture.at)}
              </button>
              {picture.url && (
                <a href={picture.url} download={fileName(streamName, picture.at, "jpg")}>
                  Save
                </a>
              )}
            </div>
          ))}
        </div>
      )}
    </SpaceBetween>
  );
}

function Progress({ come: { bytes, all }, stop }: { come: Come; stop: () => void }) {
  // The server makes the file's index before it sends the first byte.
  const text = Number.isNaN(all) ? "The server makes the file" : `${sizeText(bytes)} of ${sizeText(all)}`;
  return (
    <div className="progress">
      <ProgressBar label="Clip" value={Number.isNaN(all) ? 0 : (bytes / all) * 100} additionalInfo={text} />
      <Button onClick={stop}>Stop</Button>
    </div>
  );
}

function fileName(streamName: string, at: number, suffix: string): string {
  return `${streamName}-${new Date(at).toISOString().replace(/[:.]/g, "")}.${suffix}`;
}

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
