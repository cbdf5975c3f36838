import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import SpaceBetween from "@cloudscape-design/components/space-between";
import { useState } from "react";
import { useApi } from "../../api/api";
import { changeSecret, createSecret } from "../../api/secrets";
import { mediaUriFault, secretNameFault } from "../../logic/camera-uri";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/dialog";

interface Props {
  /** The secret to give another value; a new one without it. */
  secret?: { name: string; arn: string };
  close: () => void;
  /** The secret's ARN and name. */
  done: (arn: string, name: string) => void;
}

export function SecretDialog({ secret, close, done }: Props) {
  const { secrets } = useApi();
  const [name, setName] = useState(secret?.name ?? "");
  const [uri, setUri] = useState("");
  const [shown, setShown] = useState(false);
  const [asked, setAsked] = useState(false);
  const { busy, failure, act } = useAction();
  const nameFault = secret ? undefined : secretNameFault(name);
  const uriFault = mediaUriFault(uri);
  const save = async () => {
    setAsked(true);
    if (nameFault || uriFault) return;
    await act(async () => {
      if (secret) await changeSecret(secrets, secret.arn, uri);
      const arn = secret ? secret.arn : await createSecret(secrets, name, uri);
      done(arn, name);
      close();
    });
  };
  return (
    <Dialog
      title={secret ? `New value for ${secret.name}` : "Create secret"}
      action={secret ? "Save" : "Create"}
      busy={busy}
      run={save}
      close={close}
    >
      <SpaceBetween size="l">
        {!secret && (
          <FormField label="Secret name" errorText={(asked || name) && nameFault}>
            <Input value={name} autoComplete={false} onChange={({ detail }) => setName(detail.value)} />
          </FormField>
        )}
        <FormField
          label="Camera address"
          description="With user and password, as in rtsp://user:password@camera:554/stream."
          constraintText="Kept encrypted. The console never reads it back."
          errorText={(asked || uri) && uriFault}
          secondaryControl={<Button onClick={() => setShown(!shown)}>{shown ? "Hide" : "Show"}</Button>}
        >
          <Input
            value={uri}
            type={shown ? "text" : "password"}
            autoComplete={false}
            spellcheck={false}
            onChange={({ detail }) => setUri(detail.value)}
          />
        </FormField>
        {failure && <Alert type="error">{failure.message}</Alert>}
      </SpaceBetween>
    </Dialog>
  );
}
