import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import Modal from "@cloudscape-design/components/modal";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { NewAccessKey } from "../../api/operations";
import { operatorPolicy, policyFault, viewerPolicy } from "../../logic/policy";
import { useAction } from "../../ui/action";
import { useFocusBack } from "../../ui/focus";
import { OwnSecret } from "../../ui/own-secret";
import { CopyBlock } from "../../ui/secret-text";

const ROLES = [
  { value: "viewer", label: "Look", description: "See streams, hubs and video; change nothing; read no secret." },
  { value: "operator", label: "Operate", description: "Everything but access keys." },
  { value: "custom", label: "By a policy of your own" },
  { value: "root", label: "Everything", description: "A root key. Give no hub and no program one." },
];

export function KeyDialog({ close, created }: { close: () => void; created: () => void }) {
  useFocusBack();
  const { withSecret } = useApi();
  const [own, setOwn] = useState("");
  const [role, setRole] = useState("viewer");
  const [name, setName] = useState("");
  const [policy, setPolicy] = useState(viewerPolicy());
  const { busy, failure, act } = useAction();
  const [key, setKey] = useState<NewAccessKey>();
  const fault = role === "custom" ? policyFault(policy) : undefined;
  const nameFault = name && !/^[a-zA-Z0-9_+=,.@-]{1,64}$/.test(name) ? "Letters, digits, and _ + = , . @ - only; 64 at most." : "";
  const create = () =>
    act(async () => {
      const PolicyDocument = role === "viewer" ? viewerPolicy() : role === "operator" ? operatorPolicy() : policy;
      setKey(
        await withSecret(own).createAccessKey(
          role === "root" ? { Root: true } : { PolicyDocument, ...(name ? { UserName: name } : {}) },
        ),
      );
      created();
    });
  const footer = key ? (
    <Button variant="primary" onClick={close}>
      Done
    </Button>
  ) : (
    <SpaceBetween direction="horizontal" size="xs">
      <Button variant="link" onClick={close}>
        Cancel
      </Button>
      <Button variant="primary" loading={busy} disabled={!!fault || !!nameFault || !own} onClick={() => void create()}>
        Create
      </Button>
    </SpaceBetween>
  );
  return (
    <Modal
      visible
      size="large"
      header={key ? "The new access key" : "Create access key"}
      closeAriaLabel="Close"
      onDismiss={close}
      footer={<Box float="right">{footer}</Box>}
    >
      {key ? (
        <SpaceBetween size="m">
          <Alert type="warning">The secret is shown this once. Take it over now; nobody can show it again.</Alert>
          <FormField label="Access key ID">
            <CopyBlock text={key.AccessKeyId} label="the access key ID" />
          </FormField>
          <FormField label="Secret access key">
            <CopyBlock text={key.SecretAccessKey} label="the secret access key" />
          </FormField>
        </SpaceBetween>
      ) : (
        <SpaceBetween size="l">
          <FormField label="What it may do">
            <RadioGroup items={ROLES} value={role} onChange={({ detail }) => setRole(detail.value)} />
          </FormField>
          {role === "custom" && (
            <FormField label="Policy" description="IAM's language, with conditions on the tags of streams alone." errorText={fault} stretch>
              <Textarea rows={14} spellcheck={false} value={policy} onChange={({ detail }) => setPolicy(detail.value)} />
            </FormField>
          )}
          {role !== "root" && (
            <FormField
              label={<>Name <i>– optional</i></>}
              description="Who uses it, as the audit log shall say."
              errorText={nameFault}
            >
              <Input value={name} autoComplete={false} onChange={({ detail }) => setName(detail.value)} />
            </FormField>
          )}
          <OwnSecret value={own} change={setOwn} />
          {failure && <Alert type="error">{failure.message}</Alert>}
        </SpaceBetween>
      )}
    </Modal>
  );
}
