import type { StreamInfo } from "@aws-sdk/client-kinesis-video";
import Alert from "@cloudscape-design/components/alert";
import FormField from "@cloudscape-design/components/form-field";
import Grid from "@cloudscape-design/components/grid";
import Input from "@cloudscape-design/components/input";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../../api/api";
import { createStream, updateStream } from "../../api/streams";
import { checkStreamForm, EMPTY_STREAM_FORM, retentionForm, retentionHours, type StreamForm } from "../../logic/stream-form";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/dialog";

interface Props {
  /** The stream to change; a new one without it. */
  stream?: StreamInfo;
  close: () => void;
  done: (text: string) => void;
}

const UNITS = [
  { value: "days", label: "days" },
  { value: "hours", label: "hours" },
];

export function StreamDialog({ stream, close, done }: Props) {
  const { kinesisVideo } = useApi();
  const [form, setForm] = useState<StreamForm>(() => formOf(stream));
  const [asked, setAsked] = useState(false);
  const { busy, failure, act } = useAction();
  const errors = checkStreamForm(form);
  const set = (change: Partial<StreamForm>) => setForm((before) => ({ ...before, ...change }));
  const shortens = stream && (retentionHours(form) ?? 0) < (stream.DataRetentionInHours ?? 0);
  const save = async () => {
    setAsked(true);
    if (Object.keys(errors).length > 0) return;
    await act(async () => {
      if (stream) await updateStream(kinesisVideo, stream, form);
      else await createStream(kinesisVideo, form);
      done(stream ? `Stream ${form.name} was changed.` : `Stream ${form.name} was created.`);
      close();
    });
  };
  return (
    <Dialog
      title={stream ? `Edit ${form.name}` : "Create stream"}
      action={stream ? "Save" : "Create"}
      busy={busy}
      run={save}
      close={close}
    >
      <SpaceBetween size="l">
        {!stream && (
          <FormField label="Name" errorText={(asked || form.name) && errors.name}>
            <Input value={form.name} autoFocus autoComplete={false} onChange={({ detail }) => set({ name: detail.value })} />
          </FormField>
        )}
        <FormField
          label="Retention"
          description="How long the server keeps the video. Edge configurations need at least an hour."
          errorText={errors.retention}
          warningText={shortens && "Video that is older than this is deleted at once."}
        >
          <Grid gridDefinition={[{ colspan: 6 }, { colspan: 6 }]}>
            <Input
              value={form.retention}
              inputMode="numeric"
              autoComplete={false}
              onChange={({ detail }) => set({ retention: detail.value })}
            />
            <Select
              ariaLabel="Unit of retention"
              options={UNITS}
              selectedOption={UNITS.find(({ value }) => value === form.retentionUnit) ?? null}
              onChange={({ detail }) =>
                set({ retentionUnit: detail.selectedOption.value as StreamForm["retentionUnit"] })
              }
            />
          </Grid>
        </FormField>
        <FormField
          label={<>Media type <i>– optional</i></>}
          constraintText="Such as video/h264,audio/aac. For readers only: Vigie looks at the media itself."
          errorText={errors.mediaType}
        >
          <Input value={form.mediaType} onChange={({ detail }) => set({ mediaType: detail.value })} />
        </FormField>
        <FormField label={<>Device name <i>– optional</i></>} errorText={errors.deviceName}>
          <Input value={form.deviceName} onChange={({ detail }) => set({ deviceName: detail.value })} />
        </FormField>
        {failure && <Alert type="error">{failure.message}</Alert>}
      </SpaceBetween>
    </Dialog>
  );
}

function formOf(stream: StreamInfo | undefined): StreamForm {
  if (!stream) return EMPTY_STREAM_FORM;
  return {
    name: stream.StreamName ?? "",
    ...retentionForm(stream.DataRetentionInHours ?? 0),
    mediaType: stream.MediaType ?? "",
    deviceName: stream.DeviceName ?? "",
  };
}
