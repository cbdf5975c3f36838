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
import { signInByPassword } from "../api/exchange";
import { type Failure, failureOf } from "../api/failure";
import { beginSession, sessionEndedBecause } from "../api/session";
import type { Settings } from "../api/settings";

type Way = "password" | "key";

/** This browser's last way, for those whose session ends. */
const REMEMBERED_AS = "vigie.sign-in";

export function SignIn({ settings }: { settings: Settings }) {
  const [way, setWay] = useState<Way>(() => (localStorage.getItem(REMEMBERED_AS) === "key" ? "key" : "password"));
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
      const session = way === "key" ? await byKey(settings, id, secret) : await signInByPassword(id.trim(), secret);
      localStorage.setItem(REMEMBERED_AS, way);
      setSecret("");
      beginSession(session);
    } catch (error) {
      setFailure(failureOf(error));
      setBusy(false);
    }
  };
  const other = () => {
    setWay(way === "key" ? "password" : "key");
    setId("");
    setSecret("");
    setFailure(undefined);
  };
  return (
    <main className="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button formAction="none" onClick={other}>
                {way === "key" ? "Use a name and a password" : "Use an access key"}
              </Button>
              <Button variant="primary" loading={busy} disabled={!id.trim() || !secret.trim()}>
                Sign in
              </Button>
            </SpaceBetween>
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
              <FormField label={way === "key" ? "Access key ID" : "Name"}>
                <Input
                  key={way}
                  value={id}
                  autoFocus
                  name={way === "key" ? "access-key-id" : "username"}
                  autoComplete={way === "key" ? true : "username"}
                  onChange={({ detail }) => setId(detail.value)}
                />
              </FormField>
              <FormField label={way === "key" ? "Secret access key" : "Password"}>
                <Input
                  value={secret}
                  type="password"
                  name={way === "key" ? "secret-access-key" : "password"}
                  autoComplete={way === "key" ? true : "current-password"}
                  onChange={({ detail }) => setSecret(detail.value)}
                />
              </FormField>
              <Box color="text-body-secondary" fontSize="body-s">
                {way === "key" ? (
                  <>
                    The first start of a server writes its root key to the file <code>credentials</code> in its data
                    folder. The secret is used once, to ask the server for credentials that end by themselves after 12
                    hours; the browser does not keep it.
                  </>
                ) : (
                  <>
                    Whoever runs this server makes users, the first by <code>vigie users create</code>. You stay signed in
                    for 12 hours, or until this tab is closed.
                  </>
                )}
              </Box>
            </SpaceBetween>
          </Container>
        </Form>
      </form>
    </main>
  );
}

async function byKey(settings: Settings, id: string, secret: string) {
  // Loaded when it is needed: whoever is signed in does not wait for it.
  const { signIn } = await import("../api/sign-in");
  return signIn(settings, id.trim(), secret.trim());
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
