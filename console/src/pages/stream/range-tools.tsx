import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import ProgressBar from "@cloudscape-design/components/progress-bar";
import SpaceBetween from "@cloudscape-design/components/space-between";
import ToggleButton from "@cloudscape-design/components/toggle-button";
import { useRef, useState } from "react";
import { useApi } from "../../api/api";
import { type Failure } from "../../api/failure";
import { fetchClip, fetchImages, type Picture } from "../../api/playback";
import type { Span } from "../../logic/timeline";
import { durationText, sizeText } from "../../logic/units";
import { useAbility } from "../../ui/ability";
import { noticed } from "../../ui/load";
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

/** How much of a file has come. */
interface Come {
  bytes: number;
  /** Not a number until the server has said it. */
  all: number;
}

/** What can be done with a part of time: marked, kept as a file, looked at. */
export function RangeTools(props: Props) {
  const { streamName, at, selection, selecting, setSelecting, select, seek } = props;
  const { archivedMedia } = useApi();
  const clips = useAbility("GetClip");
  const images = useAbility("GetImages");
  const [come, setCome] = useState<Come>();
  const [pictures, setPictures] = useState<Picture[] | "loading">();
  const [failure, setFailure] = useState<Failure>();
  const abort = useRef<AbortController>(undefined);
  const download = async (span: Span) => {
    abort.current = new AbortController();
    setFailure(undefined);
    setCome({ bytes: 0, all: Number.NaN });
    try {
      const progress = (bytes: number, all: number) => setCome({ bytes, all });
      const clip = await fetchClip(archivedMedia, streamName, span, progress, abort.current.signal);
      save(clip, `${streamName}-${new Date(span.from).toISOString().replace(/[:.]/g, "")}.mp4`);
    } catch (error) {
      if (!abort.current.signal.aborted) setFailure(noticed(error));
    }
    setCome(undefined);
  };
  const look = async (span: Span) => {
    setFailure(undefined);
    setPictures("loading");
    try {
      setPictures(await fetchImages(archivedMedia, streamName, span, IMAGES, 320));
    } catch (error) {
      setFailure(noticed(error));
      setPictures(undefined);
    }
  };
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
          <>
            {clips && (
              <Button
                variant="primary"
                iconName="download"
                loading={come !== undefined}
                loadingText="Downloading the clip"
                onClick={() => void download(selection)}
              >
                Download clip
              </Button>
            )}
            {images && (
              <Button loading={pictures === "loading"} onClick={() => void look(selection)}>
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
          </>
        )}
      </SpaceBetween>
      {selection && (
        <div role="status">
          From <Time at={selection.from} /> to <Time at={selection.until} />,{" "}
          {durationText(selection.until - selection.from)}
        </div>
      )}
      {come && <Progress come={come} stop={() => abort.current?.abort()} />}
      {failure?.name === "ClientLimitExceededException" ? (
        <Alert type="error" header="The range is too long for one clip">
          {failure.message}
        </Alert>
      ) : (
        failure && <Problem failure={failure} />
      )}
      {Array.isArray(pictures) && (
        <div className="images" role="list" aria-label="Images">
          {pictures.map((picture) => (
            <div role="listitem" key={picture.at}>
              <button type="button" onClick={() => seek(picture.at)}>
                {picture.url ? <img src={picture.url} alt="" /> : <span>No video</span>}
                {localText(picture.at)}
              </button>
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

function save(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
