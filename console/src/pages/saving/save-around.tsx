import FormField from "@cloudscape-design/components/form-field";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { durationText } from "../../logic/units";
import { SaveDialog } from "./save-dialog";

const MINUTES = [1, 2, 5, 15, 30, 60, 120];
const OPTIONS = MINUTES.map((minutes) => ({ value: String(minutes), label: durationText(minutes * 60_000) }));

interface Props {
  streams: string[];
  /** What is on the screen. */
  at: number;
  close: () => void;
}

/** Saves all cameras of a wall around the moment that they show. */
export function SaveAround({ streams, at, close }: Props) {
  const [before, setBefore] = useState("5");
  const [after, setAfter] = useState("5");
  // What has not been filmed yet is in no file.
  const [now] = useState(Date.now);
  const span = { from: at - Number(before) * 60_000, until: Math.max(Math.min(at + Number(after) * 60_000, now), at) };
  return (
    <SaveDialog streams={streams} span={span} close={close}>
      <SpaceBetween direction="horizontal" size="m">
        <Length label="Before" value={before} change={setBefore} />
        <Length label="After" value={after} change={setAfter} />
      </SpaceBetween>
    </SaveDialog>
  );
}

function Length({ label, value, change }: { label: string; value: string; change: (value: string) => void }) {
  return (
    <FormField label={label}>
      <Select
        options={OPTIONS}
        selectedOption={OPTIONS.find((option) => option.value === value) ?? null}
        onChange={({ detail }) => change(detail.selectedOption.value ?? value)}
      />
    </FormField>
  );
}
