import Alert from "@cloudscape-design/components/alert";
import Badge from "@cloudscape-design/components/badge";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import Header from "@cloudscape-design/components/header";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Table from "@cloudscape-design/components/table";
import { useEffect, useMemo, useRef, useState } from "react";
import { useApi } from "../../api/api";
import { type Bar, bars, entries, nextMedia } from "../../logic/lanes";
import { standing } from "../../logic/standing";
import { firstView, type Known, panned, type Span, zoomed } from "../../logic/timeline";
import { useNote } from "../../ui/route";
import { Time } from "../../ui/time";
import { GoTo } from "./go-to";
import { useKnown, useMedia } from "./media";
import { Player } from "./player";
import { Preview } from "./preview";
import { RangeTools } from "./range-tools";
import { Timeline } from "./timeline";
import { useWatching } from "./use-watching";

const ENTRIES_MAX = 200;
const UNKNOWN: Known = { from: undefined, newest: undefined };
const LEGEND: { look: Bar["look"]; text: string }[] = [
  { look: "server", text: "On the server" },
  { look: "hub", text: "On the hub only" },
  { look: "planned", text: "Not to be recorded" },
  { look: "trouble", text: "Gap" },
  { look: "loss", text: "Lost before it was uploaded" },
];

interface Props {
  name: string;
  at: number | undefined;
  /** A link was made. */
  shared: () => void;
}

/** The video of a stream: the player, and the time line that says where there is some. */
export function Footage({ name, at: wanted, shared }: Props) {
  const { settings } = useApi();
  const note = useNote();
  const known = useKnown(name) ?? UNKNOWN;
  const { now, source, at, setAt, view, setView, following, moment, move, seek, live } = useWatching(wanted, known);
  const [isShown, setIsShown] = useState(false);
  const [selection, setSelection] = useState<Span>();
  const [selecting, setSelecting] = useState(false);
  const media = useMedia(name, view, now);
  const seam = (view.until - view.from) / 1500;
  const drawn = useMemo(
    () => (media.data ? bars(media.data, view, seam, now) : []),
    [media.data, view, seam, now],
  );
  const fitted = useRef(false);
  useEffect(() => {
    // Once: as soon as there is anything to show.
    if (known.from === undefined || fitted.current) return;
    fitted.current = true;
    if (following) setView(firstView(known, Date.now()));
  }, [known, following, setView]);
  useEffect(() => {
    // An address is a moment: whoever is given it sees the same.
    note({ page: "stream", name, at: moment });
  }, [note, name, moment]);
  const shown = standing(source.live, isShown ? at : undefined, now);
  const ended = () => {
    const next = at === undefined ? undefined : nextMedia(media.data?.ranges ?? [], at);
    if (next !== undefined && next < now - 30_000) seek(next);
    else live();
  };
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button iconName="angle-left" ariaLabel="Earlier" onClick={() => move(panned(view, -0.5))} />
              <Button iconName="angle-right" ariaLabel="Later" onClick={() => move(panned(view, 0.5))} />
              <Button iconName="zoom-in" ariaLabel="Zoom in" onClick={() => move(zoomed(view, 0.5))} />
              <Button iconName="zoom-out" ariaLabel="Zoom out" onClick={() => move(zoomed(view, 2))} />
              <Button disabled={following} onClick={live}>
                Live
              </Button>
            </SpaceBetween>
          }
        >
          Video {shown && <Badge color={shown.color}>{shown.text}</Badge>}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <Player
          streamName={name}
          source={source}
          at={at}
          onTime={(shown) => {
            setAt(shown);
            setIsShown(true);
          }}
          onEnded={ended}
          onNothing={() => {
            setIsShown(false);
            if (source.live) setAt(undefined);
          }}
          seek={seek}
        />
        <Timeline
          view={view}
          bars={drawn}
          at={at}
          now={now}
          selection={selection}
          selecting={selecting}
          move={move}
          seek={seek}
          live={live}
          select={setSelection}
          preview={settings.Images ? (moment) => <Preview streamName={name} at={moment} /> : undefined}
        />
        <Legend />
        <GoTo streamName={name} seek={seek} live={live} at={at} />
        {media.failure && !media.data && (
          <Alert type="warning">The timeline could not be loaded: {media.failure.message}</Alert>
        )}
        <RangeTools
          streamName={name}
          at={at}
          selection={selection}
          selecting={selecting}
          setSelecting={setSelecting}
          select={setSelection}
          seek={seek}
          shared={shared}
        />
        <AsTable drawn={drawn} seek={seek} />
      </SpaceBetween>
    </Container>
  );
}

function Legend() {
  return (
    <div className="legend" role="list" aria-label="Legend">
      {LEGEND.map(({ look, text }) => (
        <span key={look} role="listitem">
          <svg width="12" height="12" aria-hidden>
            <rect width="12" height="12" rx="2" className={`bar-${look}`} />
          </svg>
          {text}
        </span>
      ))}
    </div>
  );
}

function AsTable({ drawn, seek }: { drawn: Bar[]; seek: (at: number) => void }) {
  return (
    <ExpandableSection headerText="The timeline as a table">
      <Table
        variant="embedded"
        items={entries(drawn).slice(0, ENTRIES_MAX)}
        trackBy={({ from, text }) => `${from} ${text}`}
        ariaLabels={{ tableLabel: "The timeline as a table" }}
        empty="Nothing is known of this time."
        columnDefinitions={[
          { id: "what", header: "What", isRowHeader: true, cell: ({ text }) => text },
          { id: "from", header: "From", cell: ({ from }) => <Time at={from} /> },
          { id: "until", header: "To", cell: ({ until }) => <Time at={until} /> },
          { id: "length", header: "Length", cell: ({ length }) => length },
          {
            id: "play",
            header: "Play",
            cell: ({ from, text }) =>
              text === "On the server" ? (
                <Button variant="inline-link" ariaLabel={`Play from ${new Date(from).toLocaleString()}`} onClick={() => seek(from)}>
                  Play
                </Button>
              ) : null,
          },
        ]}
      />
    </ExpandableSection>
  );
}
