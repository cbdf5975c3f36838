import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../../api/api";
import { gapBeside } from "../../logic/gaps";
import { parseWhen, writesDayFirst } from "../../logic/when";
import { useAction } from "../../ui/action";
import { Problem } from "../../ui/problem";
import { localText } from "../../ui/time";

interface Props {
  /** Whose gaps are gone to; nothing where several are looked at. */
  streamName: string | undefined;
  /** Where playing is. */
  at: number | undefined;
  seek: (at: number) => void;
  live: () => void;
}

const DAY_FIRST = writesDayFirst(undefined);
const DAY_MS = 86_400_000;
/** No farther back is a gap looked for. */
const MOST_MS = 31 * DAY_MS;
/** Video before a gap tells what led to it. */
const GAP_LEAD_MS = 5000;

/** Goes to a moment that somebody types, to the same time of another day, to the nearest gap. */
export function GoTo({ streamName, at, seek, live }: Props) {
  const { extensions } = useApi();
  const search = useAction();
  const [found, setFound] = useState<string>();
  const [typed, setTyped] = useState("");
  const [fault, setFault] = useState<string>();
  const when = typed.trim() === "" ? undefined : parseWhen(typed, Date.now(), DAY_FIRST);
  const go = () => {
    const found = parseWhen(typed, Date.now(), DAY_FIRST);
    setFault("fault" in found ? found.fault : undefined);
    if ("at" in found) seek(found.at);
    else if ("live" in found) live();
  };
  const toGap = (side: "before" | "behind") =>
    search.act(async () => {
      if (at === undefined || streamName === undefined) return;
      // The gap that one was just sent to is still ahead.
      const asked = side === "before" ? at : at + GAP_LEAD_MS;
      setFound(undefined);
      for (const span of side === "before" ? [DAY_MS, MOST_MS] : [MOST_MS]) {
        const range = side === "before" ? { from: asked - span, until: asked } : { from: asked, until: Date.now() };
        const begins = gapBeside(await extensions.listMediaGaps(streamName, range), asked, side);
        if (begins !== undefined) return seek(begins - GAP_LEAD_MS);
      }
      setFound(side === "before" ? "No gap is known before this." : "There is no gap after this.");
    });
  const anotherDay = (by: number) => {
    if (at === undefined) return;
    const day = new Date(at);
    day.setDate(day.getDate() + by);
    if (day.getTime() < Date.now()) seek(day.getTime());
    else live();
  };
  return (
    <form
      className="go-to"
      onSubmit={(event) => {
        event.preventDefault();
        go();
      }}
    >
      <FormField
        label="Go to a time"
        errorText={fault}
        constraintText={when && "at" in when ? localText(when.at) : "14:30, yesterday 14:30, 28 Nov 2:30 pm, 10 min ago"}
      >
        <Input
          value={typed}
          placeholder="yesterday 14:30"
          onChange={({ detail }) => {
            setTyped(detail.value);
            setFault(undefined);
          }}
        />
      </FormField>
      <SpaceBetween direction="horizontal" size="xs">
        <Button formAction="submit">Go</Button>
        <Button formAction="none" disabled={at === undefined} onClick={() => anotherDay(-1)}>
          A day earlier
        </Button>
        <Button formAction="none" disabled={at === undefined} onClick={() => anotherDay(1)}>
          A day later
        </Button>
        {streamName !== undefined && (
          <SpaceBetween direction="horizontal" size="xs">
            <Button formAction="none" disabled={at === undefined} loading={search.busy} onClick={() => void toGap("before")}>
              Gap before
            </Button>
            <Button formAction="none" disabled={at === undefined} loading={search.busy} onClick={() => void toGap("behind")}>
              Gap after
            </Button>
          </SpaceBetween>
        )}
        {found && <Box padding={{ top: "xxs" }}>{found}</Box>}
      </SpaceBetween>
      {search.failure && <Problem failure={search.failure} />}
    </form>
  );
}
