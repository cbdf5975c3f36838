import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator, { type StatusIndicatorProps } from "@cloudscape-design/components/status-indicator";
import Table from "@cloudscape-design/components/table";
import Textarea from "@cloudscape-design/components/textarea";
import { useMemo, useRef, useState } from "react";
import { useApi } from "../../api/api";
import { addCamera, type Made } from "../../api/cameras";
import { type CameraLine, camerasIn, cameraUri, checkCamera } from "../../logic/camera-form";
import { checkEdgeForm, type EdgeForm, edgeConfigOf } from "../../logic/edge-form";
import { hubArnOf } from "../../logic/hub";
import { limited } from "../../logic/limited";
import type { StreamForm } from "../../logic/stream-form";
import { plural, sentence } from "../../logic/units";
import { noticed } from "../../ui/load";

interface Props {
  /** Hub, schedules and deletion for all of them. */
  edge: EdgeForm;
  stream: StreamForm;
  taken: readonly string[];
  added: () => void;
}

interface Progress {
  type: StatusIndicatorProps.Type;
  text: string;
}

/** A hub tries one camera after the other: each takes a connection of it. */
const AT_ONCE = 2;

/** Many cameras by a list: each is tried from the hub, and added when it works. */
export function ManyCameras({ edge, stream, taken, added }: Props) {
  const { kinesisVideo, secrets, extensions, settings } = useApi();
  const place = { region: settings.Region, account: settings.AccountId };
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [progress, setProgress] = useState<ReadonlyMap<number, Progress>>(new Map());
  const made = useRef(new Map<string, Made>());
  const lines = useMemo(() => camerasIn(text), [text]);
  const hubFault = checkEdgeForm(edge).hub;
  const faultOf = ({ line, form }: CameraLine) => {
    const others = lines.filter((other) => other.line < line).map((other) => other.form.name);
    const errors = checkCamera(form, [...(made.current.has(form.name) ? [] : taken), ...others]);
    return errors.name ?? errors.address;
  };
  const tell = (line: number, type: StatusIndicatorProps.Type, words: string) =>
    setProgress((before) => new Map(before).set(line, { type, text: words }));
  const one = async (line: CameraLine) => {
    const { form } = line;
    const uri = cameraUri(form);
    try {
      tell(line.line, "in-progress", "The hub tries it");
      const outcome = await extensions.testCamera({ HubDeviceArn: hubArnOf(edge.hub, place), MediaUri: uri });
      if (!outcome.Connected) return tell(line.line, "error", `Not added: ${outcome.JobStatusDetails}`);
      tell(line.line, "in-progress", "It works, and is added");
      const config = (secretArn: string) => edgeConfigOf({ ...edge, secretArn }, place);
      const note = (now: Made) => made.current.set(form.name, now);
      const wanted = { stream: { ...stream, name: form.name }, uri, config };
      await addCamera(kinesisVideo, secrets, wanted, made.current.get(form.name) ?? {}, note);
      tell(line.line, "success", sentence(outcome.JobStatusDetails));
    } catch (error) {
      tell(line.line, "error", noticed(error).message);
    }
  };
  const addAll = async () => {
    setBusy(true);
    const inTurn = limited(AT_ONCE);
    const open = lines.filter((line) => progress.get(line.line)?.type !== "success" && !faultOf(line));
    await Promise.all(open.map((line) => inTurn(() => one(line))));
    setBusy(false);
    added();
  };
  const ready = lines.filter((line) => progress.get(line.line)?.type !== "success" && !faultOf(line)).length;
  return (
    <ExpandableSection headerText="Many cameras by a list" variant="container">
      <SpaceBetween size="l">
        <FormField
          label="Cameras"
          description="A line for each: name, address, user, password. Hub and schedules are those above."
          errorText={lines.length > 0 && hubFault}
        >
          <Textarea
            value={text}
            disabled={busy}
            spellcheck={false}
            autoComplete={false}
            placeholder={"name,address,user,password\nfront-door,192.168.1.20/stream1,admin,secret"}
            onChange={({ detail }) => {
              setText(detail.value);
              setProgress(new Map());
            }}
          />
        </FormField>
        {lines.length > 0 && (
          <Table
            variant="embedded"
            items={lines}
            trackBy={({ line }) => String(line)}
            ariaLabels={{ tableLabel: "Cameras of the list" }}
            columnDefinitions={[
              { id: "line", header: "Line", cell: ({ line }) => line },
              { id: "name", header: "Name", isRowHeader: true, cell: ({ form }) => form.name || "–" },
              { id: "address", header: "Address", cell: ({ form }) => withoutLogin(form.address) },
              { id: "state", header: "State", cell: (line) => <State of={progress.get(line.line)} fault={faultOf(line)} /> },
            ]}
          />
        )}
        <Button loading={busy} disabled={ready === 0 || hubFault !== undefined} onClick={() => void addAll()}>
          {ready === 0 ? "Add cameras" : `Add ${plural(ready, "camera")}`}
        </Button>
        <Box color="text-body-secondary">A camera is added once its hub has seen a picture of it. The others stay in the list.</Box>
      </SpaceBetween>
    </ExpandableSection>
  );
}

function State({ of, fault }: { of: Progress | undefined; fault: string | undefined }) {
  if (of) return <StatusIndicator type={of.type}>{of.text}</StatusIndicator>;
  return fault ? <StatusIndicator type="error">{fault}</StatusIndicator> : <StatusIndicator type="pending">To be tried</StatusIndicator>;
}

/** What is on a screen may be seen by others. */
function withoutLogin(address: string): string {
  return address.includes("@") ? address.slice(address.lastIndexOf("@") + 1) : address;
}
