import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Checkbox from "@cloudscape-design/components/checkbox";
import ColumnLayout from "@cloudscape-design/components/column-layout";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Link from "@cloudscape-design/components/link";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../../api/api";
import { addCamera, type Made } from "../../api/cameras";
import type { TestCameraOutput } from "../../api/operations";
import { listStreams } from "../../api/streams";
import { type CameraForm, cameraUri, checkCamera, EMPTY_CAMERA, nextName } from "../../logic/camera-form";
import { checkEdgeForm, type EdgeForm, edgeConfigOf, EMPTY_EDGE_FORM, neverRuns } from "../../logic/edge-form";
import { hubArnOf } from "../../logic/hub";
import { hrefOf } from "../../logic/route";
import { checkStreamForm, EMPTY_STREAM_FORM } from "../../logic/stream-form";
import { useAction } from "../../ui/action";
import { Frame } from "../../ui/frame";
import { useLoad } from "../../ui/load";
import { useNotices } from "../../ui/notices";
import { Problem } from "../../ui/problem";
import { HubField, JobFields } from "../edge/fields";
import { Outcome } from "../edge/test-camera";
import { ManyCameras } from "./many-cameras";

/** A camera in one form: tried from its hub, then recorded. */
export function AddCameraPage() {
  const { kinesisVideo, secrets, extensions, settings } = useApi();
  const place = { region: settings.Region, account: settings.AccountId };
  const notices = useNotices();
  const streams = useLoad("streams to be told apart", async () =>
    (await listStreams(kinesisVideo)).map(({ StreamName }) => StreamName ?? ""),
  );
  const [camera, setCamera] = useState<CameraForm>(EMPTY_CAMERA);
  const [edge, setEdge] = useState<EdgeForm>({ ...EMPTY_EDGE_FORM, secretArn: "to be made" });
  const [stream, setStream] = useState(EMPTY_STREAM_FORM);
  const [asked, setAsked] = useState(false);
  const [untested, setUntested] = useState(false);
  const [shown, setShown] = useState(false);
  const [over, setOver] = useState<readonly string[]>([]);
  const [tested, setTested] = useState<{ hub: string; uri: string; outcome: TestCameraOutput }>();
  const [made, setMade] = useState<Made>({});
  const [added, setAdded] = useState<string>();
  const trying = useAction();
  const adding = useAction();
  const isBegun = made.stream === true;
  // What this page has made itself is no other's.
  const errors = checkCamera(camera, isBegun ? [] : (streams.data ?? []));
  const edgeErrors = checkEdgeForm(edge, over);
  const { retention } = checkStreamForm({ ...stream, name: "x" });
  const uri = cameraUri(camera);
  const hub = hubArnOf(edge.hub, place);
  const isTested = tested?.uri === uri && tested.hub === hub;
  const works = isTested && tested.outcome.Connected;
  const change = (to: Partial<CameraForm>) => setCamera((before) => ({ ...before, ...to }));
  const canBeTried = !errors.address && !edgeErrors.hub;
  const test = () =>
    trying.act(async () => {
      setTested(undefined);
      setTested({ hub, uri, outcome: await extensions.testCamera({ HubDeviceArn: hub, MediaUri: uri }) });
    });
  const add = async () => {
    setAsked(true);
    if (Object.keys(errors).length > 0 || Object.keys(edgeErrors).length > 0 || retention) return;
    await adding.act(async () => {
      const config = (secretArn: string) => edgeConfigOf({ ...edge, secretArn }, place);
      await addCamera(kinesisVideo, secrets, { stream: { ...stream, name: camera.name }, uri, config }, made, setMade);
      notices.done(`Camera ${camera.name} was added.`);
      setAdded(camera.name);
      setMade({});
      setAsked(false);
      setTested(undefined);
      setUntested(false);
      // The next is like it: only its name and its address are others.
      setCamera((before) => ({ ...before, name: nextName(before.name) === before.name ? "" : nextName(before.name) }));
      streams.reload();
    });
  };
  return (
    <Frame
      title="Add a camera"
      description="Its stream and its secret are made, and a hub is told to record it."
      above={[{ text: "Streams", href: "#/streams" }]}
      here="Add a camera"
    >
      {added && (
        <Alert type="success" header={`${added} was added`}>
          <Link href={hrefOf({ page: "stream", name: added, at: undefined })}>Look at {added}</Link>, or add the next one: hub,
          login and schedules stay as they are.
        </Alert>
      )}
      <Container header={<Header variant="h2">Camera</Header>}>
        <SpaceBetween size="l">
          <ColumnLayout columns={2}>
            <FormField label="Name" description="Its stream is called so, too." errorText={(asked || camera.name) && errors.name}>
              <Input
                value={camera.name}
                disabled={isBegun}
                autoComplete={false}
                placeholder="front-door"
                onChange={({ detail }) => change({ name: detail.value })}
              />
            </FormField>
            <HubField
              form={edge}
              error={(asked || edge.hub) && edgeErrors.hub}
              fixed={false}
              change={(to) => setEdge((before) => ({ ...before, ...to }))}
            />
          </ColumnLayout>
          <FormField
            label="Address"
            description="As the camera's manual has it; rtsp:// may be left out."
            errorText={(asked || camera.address) && errors.address}
          >
            <Input
              value={camera.address}
              autoComplete={false}
              spellcheck={false}
              placeholder="192.168.1.20:554/stream1"
              onChange={({ detail }) => change({ address: detail.value })}
            />
          </FormField>
          <ColumnLayout columns={2}>
            <FormField label="User">
              <Input
                value={camera.user}
                autoComplete={false}
                spellcheck={false}
                onChange={({ detail }) => change({ user: detail.value })}
              />
            </FormField>
            <FormField
              label="Password"
              constraintText="As it is: its special characters are written for you. Kept encrypted, never read back."
              secondaryControl={<Button onClick={() => setShown(!shown)}>{shown ? "Hide" : "Show"}</Button>}
            >
              <Input
                value={camera.password}
                type={shown ? "text" : "password"}
                autoComplete={false}
                spellcheck={false}
                onChange={({ detail }) => change({ password: detail.value })}
              />
            </FormField>
          </ColumnLayout>
          <Button loading={trying.busy} loadingText="Testing camera" disabled={!canBeTried} onClick={() => void test()}>
            Test camera
          </Button>
          {trying.failure && <Problem failure={trying.failure} />}
          <div role="status">{isTested && <Outcome test={tested.outcome} />}</div>
        </SpaceBetween>
      </Container>
      <ExpandableSection headerText="When to record and upload, how much to keep" variant="container">
        <SpaceBetween size="l">
          <FormField label="Keep on the server for (days)" errorText={retention}>
            <Input
              value={stream.retention}
              inputMode="numeric"
              autoComplete={false}
              onChange={({ detail }) => setStream((before) => ({ ...before, retention: detail.value }))}
            />
          </FormField>
          <JobFields
            form={edge}
            errors={edgeErrors}
            explained={(expression, isOver) =>
              setOver((before) => [...before.filter((known) => known !== expression), ...(isOver ? [expression] : [])])
            }
            change={(to) => setEdge((before) => ({ ...before, ...to }))}
          />
        </SpaceBetween>
      </ExpandableSection>
      {adding.failure && <Problem failure={adding.failure} />}
      {isBegun && adding.failure && (
        <Alert type="info">The stream {camera.name} was made. Adding once more goes on from there.</Alert>
      )}
      <SpaceBetween size="s">
        {!works && (
          <Checkbox checked={untested} onChange={({ detail }) => setUntested(detail.checked)}>
            Add it although it was not seen to work
          </Checkbox>
        )}
        <Button
          variant="primary"
          loading={adding.busy}
          disabled={(!works && !untested) || neverRuns(edge, over)}
          onClick={() => void add()}
        >
          Add camera
        </Button>
      </SpaceBetween>
      <ManyCameras edge={edge} stream={stream} taken={streams.data ?? []} added={streams.reload} />
    </Frame>
  );
}
