import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { TestCameraOutput } from "../../api/operations";
import { stepTexts, trackText } from "../../logic/camera-test";
import type { EdgeForm } from "../../logic/edge-form";
import { hubArnOf } from "../../logic/hub";
import { sentence } from "../../logic/units";
import { useAction } from "../../ui/action";
import { Problem } from "../../ui/problem";

/** Has the hub try the address in the chosen secret, before or after the configuration is saved. */
export function TestCamera({ form }: { form: EdgeForm }) {
  const { extensions, settings } = useApi();
  const { busy, failure, act } = useAction();
  const [test, setTest] = useState<TestCameraOutput>();
  const run = () =>
    act(async () => {
      setTest(undefined);
      const hub = hubArnOf(form.hub, { region: settings.Region, account: settings.AccountId });
      setTest(await extensions.testCamera({ HubDeviceArn: hub, MediaUriSecretArn: form.secretArn }));
    });
  return (
    <SpaceBetween size="s">
      <SpaceBetween direction="horizontal" size="xs" alignItems="center">
        <Button
          loading={busy}
          loadingText="Testing camera"
          disabled={form.hub === "" || form.secretArn === ""}
          onClick={() => void run()}
        >
          Test camera
        </Button>
        <Box color="text-body-secondary">The hub connects to the camera once; it takes one of its connections.</Box>
      </SpaceBetween>
      {failure && <Problem failure={failure} />}
      <div role="status">{test && <Outcome test={test} />}</div>
    </SpaceBetween>
  );
}

/** What came of a test, with the first picture. */
export function Outcome({ test }: { test: TestCameraOutput }) {
  return (
    <Alert type={test.Connected ? "success" : "error"} header={sentence(test.JobStatusDetails)}>
      <SpaceBetween size="s">
        {test.Tracks.length > 0 && (
          <ul>
            {test.Tracks.map((track, at) => (
              <li key={at}>{trackText(track)}</li>
            ))}
          </ul>
        )}
        {test.ImageContent && (
          <img
            src={`data:image/jpeg;base64,${test.ImageContent}`}
            alt="First picture of the camera"
            style={{ maxWidth: "100%", maxHeight: "20rem" }}
          />
        )}
        {test.ImageError && <Box>No picture: {test.ImageError}.</Box>}
        <Box color="text-body-secondary" fontSize="body-s">
          {stepTexts(test).join(" · ")}
        </Box>
      </SpaceBetween>
    </Alert>
  );
}
