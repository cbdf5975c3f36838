import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Modal from "@cloudscape-design/components/modal";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { CreateShareLinkOutput, ShareLinkKind } from "../../api/operations";
import type { Span } from "../../logic/timeline";
import { durationText } from "../../logic/units";
import { useAction } from "../../ui/action";
import { useFocusBack } from "../../ui/focus";
import { Problem } from "../../ui/problem";
import { CopyBlock } from "../../ui/secret-text";
import { localText, Time } from "../../ui/time";

interface Props {
  streamName: string;
  /** The marked range, if there is one. */
  span: Span | undefined;
  /** There is one more. */
  made: () => void;
  close: () => void;
}

const HOUR_SECONDS = 3600;
const HOURS = [1, 8, 24, 7 * 24, 30 * 24];
const HOLDS = HOURS.map((hours) => ({ value: String(hours), label: durationText(hours * 3_600_000) }));

/** Makes a link that shows a clip or a stream to whoever has it. */
export function ShareDialog({ streamName, span, made, close }: Props) {
  useFocusBack();
  const { extensions } = useApi();
  const [kind, setKind] = useState<ShareLinkKind>(span ? "CLIP" : "STREAM");
  const [hours, setHours] = useState("8");
  const [link, setLink] = useState<CreateShareLinkOutput>();
  const { busy, failure, act } = useAction();
  const create = () =>
    act(async () => {
      const range =
        kind === "CLIP" && span ? { StartTimestamp: span.from / 1000, EndTimestamp: span.until / 1000 } : {};
      const made_ = await extensions.createShareLink({
        StreamName: streamName,
        Kind: kind,
        Expires: Number(hours) * HOUR_SECONDS,
        ...range,
      });
      setLink(made_);
      made();
    });
  const kinds = [
    ...(span
      ? [
          {
            value: "CLIP",
            label: "The marked range",
            description: `${localText(span.from)}, ${durationText(span.until - span.from)}: to play and to download.`,
          },
        ]
      : []),
    { value: "STREAM", label: "Live video", description: "What is live, and what is recorded from now on." },
  ];
  const footer = link ? (
    <Button variant="primary" onClick={close}>
      Done
    </Button>
  ) : (
    <SpaceBetween direction="horizontal" size="xs">
      <Button variant="link" onClick={close}>
        Cancel
      </Button>
      <Button variant="primary" loading={busy} onClick={() => void create()}>
        Create link
      </Button>
    </SpaceBetween>
  );
  return (
    <Modal visible header={`Share ${streamName}`} closeAriaLabel="Close" onDismiss={close} footer={<Box float="right">{footer}</Box>}>
      {link ? (
        <SpaceBetween size="m">
          <Alert type="warning">
            Whoever has this link sees the video until <Time at={link.ShareLink.ExpirationTime * 1000} />, without an account. It is
            shown this once; it can be revoked below the video.
          </Alert>
          <CopyBlock text={link.ShareLinkURL} label="the link" />
        </SpaceBetween>
      ) : (
        <SpaceBetween size="l">
          <FormField label="What it shows">
            <RadioGroup items={kinds} value={kind} onChange={({ detail }) => setKind(detail.value as ShareLinkKind)} />
          </FormField>
          <FormField label="For how long">
            <Select
              options={HOLDS}
              selectedOption={HOLDS.find(({ value }) => value === hours) ?? null}
              onChange={({ detail }) => setHours(detail.selectedOption.value ?? "8")}
            />
          </FormField>
          {failure && <Problem failure={failure} />}
        </SpaceBetween>
      )}
    </Modal>
  );
}
