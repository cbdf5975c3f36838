import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import Form from "@cloudscape-design/components/form";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type FormEvent, useState } from "react";
import { type Failure, failureOf } from "../api/failure";
import { beginSession, sessionEndedBecause } from "../api/session";
import type { Settings } from "../api/settings";

export function SignIn({ settings }: { settings: Settings }) {
  const [id, setId] = useState("");
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const why = sessionEndedBecause();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(undefined);
    try {
      // Loaded when it is needed: whoever is signed in does not wait for it.
      const { signIn } = await import("../api/sign-in");
      const session = await signIn(settings, id.trim(), secret.trim());
      setSecret("");
      beginSession(session);
    } catch (error) {
      setFailure(failureOf(error));
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <Form
          actions={
            <Button variant="primary" loading={busy} disabled={!id.trim() || !secret.trim()}>
              Sign in
            </Button>
          }
        >
          <Container header={<Header variant="h1">Sign in to Vigie</Header>}>
            <SpaceBetween size="l">
              {why && !failure && <Alert type="info">{why}</Alert>}
              {failure && (
                <Alert type="error" header="Sign-in failed">
                  {wordsFor(failure)}
                </Alert>
              )}
              <FormField label="Access key ID">
                <Input value={id} autoFocus name="access-key-id" onChange={({ detail }) => setId(detail.value)} />
              </FormField>
              <FormField label="Secret access key">
                <Input
                  value={secret}
                  type="password"
                  name="secret-access-key"
                  onChange={({ detail }) => setSecret(detail.value)}
                />
              </FormField>
              <Box color="text-body-secondary" fontSize="body-s">
                The first start of a server writes its root key to the file <code>credentials</code> in its data
                folder. The secret is used once, to ask the server for credentials that end by themselves after 12
                hours; the browser does not keep it.
              </Box>
            </SpaceBetween>
          </Container>
        </Form>
      </form>
    </main>
  );
}

function wordsFor(failure: Failure): string {
  switch (failure.name) {
    case "InvalidClientTokenId":
    case "UnrecognizedClientException":
      return "This server knows no such access key, or it was revoked.";
    case "SignatureDoesNotMatch":
    case "InvalidSignatureException":
      return "The secret does not belong to this access key.";
    default:
      return failure.message;
  }
}
