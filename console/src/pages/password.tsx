import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import Container from "@cloudscape-design/components/container";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type FormEvent, useState } from "react";
import { useApi } from "../api/api";
import { signInByPassword } from "../api/exchange";
import { beginSession } from "../api/session";
import { passwordFault } from "../logic/user-form";
import { useAction } from "../ui/action";
import { Empty } from "../ui/empty";
import { Frame } from "../ui/frame";
import { useNotices } from "../ui/notices";
import { go } from "../ui/route";

/** A user's own password. All its sessions end by it, and this one begins anew. */
export function PasswordPage() {
  const { extensions, session } = useApi();
  const notices = useNotices();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const { busy, failure, act } = useAction();
  if (!session.user) return <Empty title="An access key has no password">Revoke it and make another.</Empty>;
  const fault = passwordFault(session.signedInAs, password);
  const differs = again !== password ? "This is not the same." : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void act(async () => {
      await extensions.changePassword({ CurrentPassword: current, Password: password });
      beginSession(await signInByPassword(session.signedInAs, password));
      notices.done("You have another password. Your other sessions have ended.");
      go({ page: "streams" });
    });
  };
  const field = (label: string, value: string, set: (value: string) => void, fault: string | undefined, hint: string) => (
    <FormField label={label} errorText={value && fault}>
      <Input value={value} type="password" autoComplete={hint} onChange={({ detail }) => set(detail.value)} />
    </FormField>
  );
  return (
    <Frame title="Change password">
      <form onSubmit={submit}>
        <Container>
          <SpaceBetween size="l">
            {failure && <Alert type="error">{failure.message}</Alert>}
            {field("Current password", current, setCurrent, undefined, "current-password")}
            {field("New password", password, setPassword, fault, "new-password")}
            {field("New password again", again, setAgain, differs, "new-password")}
            <Button variant="primary" loading={busy} disabled={!current || !!fault || !!differs}>
              Change password
            </Button>
          </SpaceBetween>
        </Container>
      </form>
    </Frame>
  );
}
