import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Multiselect from "@cloudscape-design/components/multiselect";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import { useApi } from "../../api/api";
import { useSession } from "../../api/session";
import { listStreams, listTags } from "../../api/streams";
import { bars } from "../../logic/lanes";
import { loadedFor, type Span } from "../../logic/timeline";
import { anyOf, columnsOf, shownOf, TILES_MAX } from "../../logic/wall";
import { Empty } from "../../ui/empty";
import { Frame } from "../../ui/frame";
import { useLoad } from "../../ui/load";
import { Problem } from "../../ui/problem";
import { useNote } from "../../ui/route";
import { GoTo } from "../stream/go-to";
import { Timeline } from "../stream/timeline";
import { useWatching } from "../stream/use-watching";
import { SaveAround } from "../saving/save-around";
import { Tile, type WallClock } from "./tile";

interface Props {
  /** What the address names; without, what this person looked at last. */
  streams: string[] | undefined;
  at: number | undefined;
}

const UNKNOWN = { from: undefined, newest: undefined };

/** Several cameras at once, live or all at the same moment. */
export function WallPage({ streams: wanted, at: wantedAt }: Props) {
  const { kinesisVideo } = useApi();
  const note = useNote();
  const kept = useKept();
  const [chosen, setChosen] = useState<string[]>(() => (wanted ?? kept.read()).slice(0, TILES_MAX));
  const { now, source, at, setAt, view, following, moment, move, ...watching } = useWatching(wantedAt, UNKNOWN);
  const [saving, setSaving] = useState<number>();
  const clock = useRef<WallClock>(undefined);
  const all = useLoad("streams of the wall", () => listStreams(kinesisVideo), 30_000);
  const names = useMemo(() => all.data?.map(({ StreamName }) => StreamName ?? "") ?? [], [all.data]);
  const tags = useLoad(`tags ${chosen.join(" ")}`, async () => {
    // Who may not read tags sees the streams themselves.
    const found = await Promise.all(chosen.map((name) => listTags(kinesisVideo, name).catch(() => ({}))));
    return new Map(chosen.map((name, n) => [name, found[n] ?? {}]));
  });
  const drawn = useDrawn(chosen, view, now);
  useEffect(() => {
    note({ page: "wall", streams: chosen, at: moment });
  }, [note, chosen, moment]);
  const choose = (streams: string[]) => {
    setChosen(streams);
    kept.write(streams);
  };
  // All tiles begin anew together.
  const seek = (to: number) => {
    clock.current = undefined;
    watching.seek(to);
  };
  const live = () => {
    clock.current = undefined;
    watching.live();
  };
  if (all.failure && !all.data) return <Problem failure={all.failure} retry={all.reload} />;
  const options = names.map((name) => ({ label: name, value: name }));
  return (
    <Frame
      title="Wall"
      actions={
        <SpaceBetween direction="horizontal" size="xs">
          <Button iconName="download" disabled={chosen.length === 0} onClick={() => setSaving(at ?? now)}>
            Save video
          </Button>
          <Button disabled={following} onClick={live}>
            Live
          </Button>
        </SpaceBetween>
      }
    >
      <FormField label="Cameras" constraintText={`${TILES_MAX} at most. The address is of this wall, at this moment.`}>
        <Multiselect
          selectedOptions={chosen.map((name) => ({ label: name, value: name }))}
          options={options}
          filteringType="auto"
          placeholder="Choose cameras"
          deselectAriaLabel={({ label }) => `Take ${label} off the wall`}
          onChange={({ detail }) => choose(detail.selectedOptions.map(({ value }) => value ?? "").slice(0, TILES_MAX))}
        />
      </FormField>
      {chosen.length === 0 && <Empty title="An empty wall">Choose the cameras that you want to see side by side.</Empty>}
      <div className="wall" role="list" aria-label="Wall" style={{ "--columns": columnsOf(chosen.length) } as CSSProperties}>
        {tags.data &&
          chosen.map((name) => (
            <Tile
              key={name}
              name={name}
              shown={shownOf(name, tags.data?.get(name), names)}
              source={source}
              clock={clock}
              now={now}
              onTime={(moment) => {
                if (source.live) return;
                // Whoever plays first sets the pace for all.
                clock.current ??= { at: moment, since: performance.now() };
                setAt(clock.current.at + performance.now() - clock.current.since);
              }}
            />
          ))}
      </div>
      {chosen.length > 0 && (
        <SpaceBetween size="s">
          <Timeline
            view={view}
            bars={drawn}
            at={at}
            now={now}
            selection={undefined}
            selecting={false}
            move={move}
            seek={seek}
            live={live}
            select={() => undefined}
            preview={undefined}
          />
          <Box color="text-body-secondary" fontSize="body-s">
            The timeline has video of any of these cameras.
          </Box>
          <GoTo streamName={undefined} at={at} seek={seek} live={live} />
        </SpaceBetween>
      )}
      {saving !== undefined && <SaveAround streams={chosen} at={saving} close={() => setSaving(undefined)} />}
    </Frame>
  );
}

/** Where any of the streams has media. */
function useDrawn(streams: string[], view: Span, now: number) {
  const { extensions } = useApi();
  const wanted = loadedFor(view);
  const range = { from: wanted.from, until: Math.min(wanted.until, now + 60_000) };
  const media = useLoad(
    `wall ${streams.join(" ")} ${wanted.from} ${wanted.until}`,
    async () => anyOf(await Promise.all(streams.map((name) => extensions.listMediaRanges(name, range).catch(() => [])))),
    wanted.until > now ? 4000 : undefined,
  );
  const seam = (view.until - view.from) / 1500;
  return useMemo(
    () => (media.data ? bars({ ranges: media.data, gaps: [], losses: [] }, view, seam, now) : []),
    [media.data, view, seam, now],
  );
}

/** The wall that this person had last, in this browser. */
function useKept() {
  const session = useSession();
  const key = `vigie.wall ${session?.signedInAs}`;
  return {
    // Names have no comma (KVS API_CreateStream).
    read: (): string[] => (localStorage.getItem(key) ?? "").split(",").filter((name) => name !== ""),
    write: (streams: string[]) => localStorage.setItem(key, streams.join(",")),
  };
}
