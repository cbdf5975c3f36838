import Alert from "@cloudscape-design/components/alert";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { type ReactNode, useState } from "react";
import { useAction } from "./action";
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
  const { busy, failure, act } = useAction();
  const ready = typed === undefined || text === typed;
  const confirm = () =>
    act(async () => {
      await run();
      close();
    });
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
