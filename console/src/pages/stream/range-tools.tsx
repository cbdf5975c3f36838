import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import ToggleButton from "@cloudscape-design/components/toggle-button";
import { useState } from "react";
import { useApi } from "../../api/api";
import { fetchImages, type Picture } from "../../api/playback";
import type { Span } from "../../logic/timeline";
import { durationText } from "../../logic/units";
import { useAction } from "../../ui/action";
import { downloadInTurn } from "../../ui/download";
import { Problem } from "../../ui/problem";
import { localText, Time } from "../../ui/time";
import { SaveDialog } from "../saving/save-dialog";
import { ShareDialog } from "../saving/share-dialog";

interface Props {
  streamName: string;
  /** Where playing is. */
  at: number | undefined;
  selection: Span | undefined;
  selecting: boolean;
  setSelecting: (selecting: boolean) => void;
  select: (span: Span | undefined) => void;
  seek: (at: number) => void;
  /** There is one more link. */
  shared: () => void;
}

const IMAGES = 12;
const IMAGE_WIDTH_PX = 320;

/** What can be done with a part of time: marked, kept as a file, looked at. */
export function RangeTools(props: Props) {
  const { streamName, at, selection, selecting, setSelecting, select, seek, shared } = props;
  const { archivedMedia, settings, rights } = useApi();
  const [dialog, setDialog] = useState<"save" | "share">();
  const [pictures, setPictures] = useState<Picture[]>();
  const strip = useAction();
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
  const marked = selection && selection.until > selection.from ? selection : undefined;
  const files = (pictures ?? []).flatMap(({ at, url }) => (url ? [{ url, name: fileName(streamName, at) }] : []));
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
        {marked && (
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="primary" iconName="download" onClick={() => setDialog("save")}>
              Save video
            </Button>
            {settings.Images && (
              <Button loading={strip.busy} onClick={() => void look(marked)}>
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
        {rights.streams && (
          <Button iconName="share" onClick={() => setDialog("share")}>
            Share
          </Button>
        )}
      </SpaceBetween>
      {selection && (
        <div role="status">
          From <Time at={selection.from} /> to <Time at={selection.until} />,{" "}
          {durationText(selection.until - selection.from)}
        </div>
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
                <a href={picture.url} download={fileName(streamName, picture.at)}>
                  Save
                </a>
              )}
            </div>
          ))}
        </div>
      )}
      {files.length > 1 && (
        <Button iconName="download" onClick={() => files.forEach(({ url, name }) => void downloadInTurn(url, name))}>
          Save all images
        </Button>
      )}
      {dialog === "save" && marked && (
        <SaveDialog
          streams={[streamName]}
          span={marked}
          {...(rights.streams ? { share: () => setDialog("share") } : {})}
          close={() => setDialog(undefined)}
        />
      )}
      {dialog === "share" && (
        <ShareDialog streamName={streamName} span={marked} made={shared} close={() => setDialog(undefined)} />
      )}
    </SpaceBetween>
  );
}

function fileName(streamName: string, at: number): string {
  return `${streamName}-${new Date(at).toISOString().replace(/[-:.]/g, "")}.jpg`;
}
