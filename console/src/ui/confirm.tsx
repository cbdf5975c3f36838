import Alert from "@cloudscape-design/components/alert";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useState } from "react";
import { type Failure, failureOf } from "../api/failure";
import { Dialog } from "./dialog";

interface Props {
  title: string;
  /** What is lost by it. */
  children: ReactNode;
  /** The label of the button that does it. */
  action: string;
  /** What has to be typed first, for what cannot be undone. */
  typed?: string;
  run: () => Promise<void>;
  close: () => void;
}

/** Asks before something that cannot be taken back. Stays open when it fails, and says why. */
export function Confirm({ title, children, action, typed, run, close }: Props) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const ready = typed === undefined || text === typed;
  const confirm = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await run();
      close();
    } catch (error) {
      setFailure(failureOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} action={action} busy={busy} disabled={!ready} run={confirm} close={close}>
      <SpaceBetween size="m">
        {children}
        {typed !== undefined && (
          <FormField label={`To confirm, type ${typed}`}>
            <Input
              value={text}
              autoComplete={false}
              onChange={({ detail }) => setText(detail.value)}
              onKeyDown={({ detail }) => detail.key === "Enter" && ready && void confirm()}
            />
          </FormField>
        )}
        {failure && <Alert type="error">{failure.message}</Alert>}
      </SpaceBetween>
    </Dialog>
  );
}
