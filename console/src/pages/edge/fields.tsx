import Autosuggest from "@cloudscape-design/components/autosuggest";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import Select from "@cloudscape-design/components/select";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../../api/api";
import { listSecrets } from "../../api/secrets";
import type { EdgeErrors, EdgeForm } from "../../logic/edge-form";
import { hubKey, hubLabel } from "../../logic/hub";
import { useLoad } from "../../ui/load";
import { SecretDialog } from "../secrets/secret-dialog";
import { ScheduleEditor } from "./schedule-editor";
import { TestCamera } from "./test-camera";
import { ZoneSelect } from "./zone-select";

interface Props {
  form: EdgeForm;
  errors: EdgeErrors;
  /** Whether saving was tried: empty fields count as wrong from then on. */
  asked: boolean;
  /** A configuration cannot be moved to another hub. */
  hubIsFixed: boolean;
  explained: (expression: string, isOver: boolean) => void;
  change: (change: Partial<EdgeForm>) => void;
}

export function EdgeFields({ form, errors, asked, hubIsFixed, explained, change }: Props) {
  return (
    <SpaceBetween size="l">
      <Container header={<Header variant="h2">Hub and camera</Header>}>
        <SpaceBetween size="l">
          <HubField form={form} error={(asked || form.hub) && errors.hub} fixed={hubIsFixed} change={change} />
          <SecretField form={form} error={asked && errors.secretArn} change={change} />
          <FormField label="The address leads to">
            <RadioGroup
              value={form.sourceType}
              items={[
                { value: "RTSP_URI", label: "A camera (RTSP)" },
                {
                  value: "FILE_URI",
                  label: "A file or a folder on the hub",
                  description: "MP4, MOV or Matroska; each file is recorded once, those that come later as well.",
                },
              ]}
              onChange={({ detail }) => change({ sourceType: detail.value as EdgeForm["sourceType"] })}
            />
          </FormField>
          {form.sourceType === "RTSP_URI" && <TestCamera form={form} />}
        </SpaceBetween>
      </Container>
      <JobFields form={form} errors={errors} explained={explained} change={change} />
    </SpaceBetween>
  );
}

/** When to record and to upload, and what to keep on the hub. */
export function JobFields({ form, errors, explained, change }: Pick<Props, "form" | "errors" | "explained" | "change">) {
  const [zone, setZone] = useState(() => Intl.DateTimeFormat().resolvedOptions().timeZone);
  const scheduled = form.recording === "schedule" || form.uploading === "schedule";
  return (
    <SpaceBetween size="l">
      {scheduled && <ZoneSelect zone={zone} change={setZone} />}
      <Container header={<Header variant="h2">Recording</Header>}>
        <SpaceBetween size="l">
          <FormField label="Record">
            <RadioGroup
              value={form.recording}
              items={[
                { value: "always", label: "Always" },
                { value: "schedule", label: "On a schedule" },
              ]}
              onChange={({ detail }) => change({ recording: detail.value as EdgeForm["recording"] })}
            />
          </FormField>
          {form.recording === "schedule" && (
            <ScheduleEditor
              what="Recording"
              zone={zone}
              value={form.recordingSchedule}
              explained={explained}
              change={(recordingSchedule) => change({ recordingSchedule })}
            />
          )}
        </SpaceBetween>
      </Container>
      <Container header={<Header variant="h2">Uploading</Header>}>
        <SpaceBetween size="l">
          <FormField label="Upload">
            <RadioGroup
              value={form.uploading}
              items={[
                { value: "always", label: "Always", description: "Along with the recording: what live viewing needs." },
                { value: "hourly", label: "Hourly", description: "At each full hour, all that was recorded before." },
                { value: "schedule", label: "On a schedule" },
              ]}
              onChange={({ detail }) => change({ uploading: detail.value as EdgeForm["uploading"] })}
            />
          </FormField>
          {form.uploading === "schedule" && (
            <ScheduleEditor
              what="Uploading"
              zone={zone}
              value={form.uploadingSchedule}
              explained={explained}
              change={(uploadingSchedule) => change({ uploadingSchedule })}
            />
          )}
        </SpaceBetween>
      </Container>
      <Deletion form={form} errors={errors} change={change} />
    </SpaceBetween>
  );
}

interface FieldProps {
  form: EdgeForm;
  error: string | false | undefined;
  change: (change: Partial<EdgeForm>) => void;
}

export function HubField({ form, error, fixed, change }: FieldProps & { fixed: boolean }) {
  const { extensions, settings } = useApi();
  const place = { region: settings.Region, account: settings.AccountId };
  const hubs = useLoad("hubs", () => extensions.listHubs());
  return (
    <FormField
      label="Hub"
      description={fixed ? "To move the stream to another hub, delete this configuration first." : undefined}
      errorText={error}
    >
      <Autosuggest
        value={form.hub}
        disabled={fixed}
        placeholder="Name of a hub"
        options={(hubs.data ?? []).map((hub) => ({
          value: hubKey(hub.HubDeviceArn, place),
          label: hubLabel(hub.HubDeviceArn, place),
          description: hub.InContact ? "Online" : "Not in contact",
        }))}
        statusType={hubs.loading ? "loading" : "finished"}
        enteredTextLabel={(value) => `Use ${value}`}
        empty="No hub has called yet; a name will do."
        onChange={({ detail }) => change({ hub: detail.value })}
      />
    </FormField>
  );
}

function SecretField({ form, error, change }: FieldProps) {
  const { secrets } = useApi();
  const loaded = useLoad("secrets", () => listSecrets(secrets));
  const [creating, setCreating] = useState(false);
  const options = (loaded.data ?? []).map(({ ARN, Name }) => ({ value: ARN ?? "", label: Name ?? "" }));
  const chosen = options.find(({ value }) => value === form.secretArn);
  const unknown = form.secretArn ? { value: form.secretArn, label: form.secretArn } : null;
  return (
    <FormField
      label="Secret with the camera's address"
      errorText={error}
      secondaryControl={<Button onClick={() => setCreating(true)}>Create secret</Button>}
    >
      <Select
        options={options}
        selectedOption={chosen ?? unknown}
        placeholder="Choose a secret"
        filteringType="auto"
        statusType={loaded.loading && !loaded.data ? "loading" : loaded.failure ? "error" : "finished"}
        errorText={loaded.failure?.message}
        empty="No secrets yet"
        onChange={({ detail }) => change({ secretArn: detail.selectedOption.value ?? "" })}
      />
      {creating && (
        <SecretDialog
          close={() => setCreating(false)}
          done={(secretArn) => {
            change({ secretArn });
            loaded.reload();
          }}
        />
      )}
    </FormField>
  );
}

function Deletion({ form, errors, change }: Pick<Props, "form" | "errors" | "change">) {
  return (
    <Container header={<Header variant="h2">Deletion on the hub</Header>}>
      <SpaceBetween size="l">
        <Checkbox
          checked={form.deleteAfterUpload}
          onChange={({ detail }) => change({ deleteAfterUpload: detail.checked })}
          description="As soon as the server has it safely on disk."
        >
          Delete what is uploaded
        </Checkbox>
        <ColumnLayout columns={2}>
          <FormField label="Keep for at most (hours)" description="1 to 720; empty means 720." errorText={errors.retentionHours}>
            <Input
              value={form.retentionHours}
              inputMode="numeric"
              autoComplete={false}
              onChange={({ detail }) => change({ retentionHours: detail.value })}
            />
          </FormField>
          <FormField label="Size limit (MB)" description="64 to 2,000,000; empty means none." errorText={errors.sizeMb}>
            <Input
              value={form.sizeMb}
              inputMode="numeric"
              autoComplete={false}
              onChange={({ detail }) => change({ sizeMb: detail.value })}
            />
          </FormField>
        </ColumnLayout>
        {form.sizeMb !== "" && (
          <FormField label="When the limit is reached">
            <RadioGroup
              value={form.onFull}
              items={[
                {
                  value: "DELETE_OLDEST_MEDIA",
                  label: "Delete the oldest video",
                  description: "What is uploaded goes first; then also video that exists nowhere else.",
                },
                { value: "DENY_NEW_MEDIA", label: "Stop recording", description: "Until there is room again." },
              ]}
              onChange={({ detail }) => change({ onFull: detail.value as EdgeForm["onFull"] })}
            />
          </FormField>
        )}
      </SpaceBetween>
    </Container>
  );
}
