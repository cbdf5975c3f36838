import Alert from "@cloudscape-design/components/alert";
import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import RadioGroup from "@cloudscape-design/components/radio-group";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Textarea from "@cloudscape-design/components/textarea";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { Role, User } from "../../api/operations";
import {
  formOf,
  NEW_USER,
  passwordFault,
  roleOf,
  streamsFault,
  type UserForm,
  userNameFault,
} from "../../logic/user-form";
import { useAction } from "../../ui/action";
import { Dialog } from "../../ui/dialog";
import { OwnSecret } from "../../ui/own-secret";

const ROLES = [
  { value: "VIEWER", label: "Viewer", description: "Look and listen, search and export." },
  { value: "OPERATOR", label: "Operator", description: "And run cameras: streams, edge configurations, secrets. And share by links." },
  { value: "ADMINISTRATOR", label: "Administrator", description: "Everything but root keys." },
];
const STREAMS = [
  { value: "all", label: "All streams" },
  { value: "names", label: "Some streams, by name" },
  { value: "tag", label: "Streams with a tag", description: "Whoever may tag a stream decides then who sees it." },
];

interface Props {
  /** Absent for a new one. */
  user?: User;
  close: () => void;
  done: (text: string) => void;
}

/** A new user, or another role for one that is there. */
export function UserDialog({ user, close, done }: Props) {
  const { withSecret } = useApi();
  const [form, setForm] = useState<UserForm>(user ? formOf(user) : NEW_USER);
  const [password, setPassword] = useState("");
  const [own, setOwn] = useState("");
  const [asked, setAsked] = useState(false);
  const { busy, failure, act } = useAction();
  const change = (some: Partial<UserForm>) => setForm({ ...form, ...some });
  const nameFault = user ? undefined : userNameFault(form.name);
  const passwordWrong = user ? undefined : passwordFault(form.name, password);
  const scopeFault = streamsFault(form);
  const save = async () => {
    setAsked(true);
    if (nameFault || passwordWrong || scopeFault) return;
    await act(async () => {
      const signed = withSecret(own);
      if (user) await signed.updateUser({ UserName: user.UserName, ...roleOf(form) });
      else await signed.createUser({ UserName: form.name, Password: password, ...roleOf(form) });
      done(user ? `${user.UserName} has another role.` : `User ${form.name} was created.`);
      close();
    });
  };
  return (
    <Dialog
      title={user ? `Role of ${user.UserName}` : "Create user"}
      action={user ? "Save" : "Create"}
      size="large"
      busy={busy}
      disabled={!own}
      run={save}
      close={close}
    >
      <SpaceBetween size="l">
        {!user && (
          <FormField label="Name" errorText={(asked || form.name) && nameFault}>
            <Input value={form.name} autoComplete={false} onChange={({ detail }) => change({ name: detail.value })} />
          </FormField>
        )}
        {!user && (
          <FormField
            label="Password"
            constraintText="10 characters at least. Hand it over, and let the user change it."
            errorText={(asked || password) && passwordWrong}
          >
            <Input
              value={password}
              type="password"
              autoComplete="new-password"
              onChange={({ detail }) => setPassword(detail.value)}
            />
          </FormField>
        )}
        <FormField label="Role">
          <RadioGroup items={ROLES} value={form.role} onChange={({ detail }) => change({ role: detail.value as Role })} />
        </FormField>
        {form.role !== "ADMINISTRATOR" && (
          <FormField label="Streams">
            <RadioGroup
              items={STREAMS}
              value={form.streams}
              onChange={({ detail }) => change({ streams: detail.value as UserForm["streams"] })}
            />
          </FormField>
        )}
        {form.role !== "ADMINISTRATOR" && form.streams === "names" && (
          <FormField
            label="Names of streams"
            constraintText="Separated by commas or lines; * stands for any characters."
            errorText={(asked || form.names) && scopeFault}
          >
            <Textarea
              placeholder="gate, dock-*"
              rows={3}
              spellcheck={false}
              value={form.names}
              onChange={({ detail }) => change({ names: detail.value })}
            />
          </FormField>
        )}
        {form.role !== "ADMINISTRATOR" && form.streams === "tag" && (
          <SpaceBetween size="l">
            <FormField label="Tag key" errorText={asked && scopeFault}>
              <Input value={form.tagKey} onChange={({ detail }) => change({ tagKey: detail.value })} />
            </FormField>
            <FormField label="Tag value">
              <Input value={form.tagValue} onChange={({ detail }) => change({ tagValue: detail.value })} />
            </FormField>
          </SpaceBetween>
        )}
        <OwnSecret value={own} change={setOwn} />
        {failure && <Alert type="error">{failure.message}</Alert>}
      </SpaceBetween>
    </Dialog>
  );
}

/** Another password for somebody who has lost it, or whose was taken. */
export function PasswordDialog({ user, close, done }: Props & { user: User }) {
  const { withSecret } = useApi();
  const [password, setPassword] = useState("");
  const [own, setOwn] = useState("");
  const { busy, failure, act } = useAction();
  const fault = passwordFault(user.UserName, password);
  const save = () =>
    act(async () => {
      await withSecret(own).updateUser({ UserName: user.UserName, Password: password });
      done(`${user.UserName} has another password.`);
      close();
    });
  return (
    <Dialog
      title={`New password for ${user.UserName}`}
      action="Save"
      busy={busy}
      disabled={!!fault || !own}
      run={save}
      close={close}
    >
      <SpaceBetween size="l">
        <FormField label="New password" constraintText="10 characters at least." errorText={password && fault}>
          <Input
            value={password}
            type="password"
            autoComplete="new-password"
            onChange={({ detail }) => setPassword(detail.value)}
          />
        </FormField>
        <OwnSecret value={own} change={setOwn} />
        {failure && <Alert type="error">{failure.message}</Alert>}
      </SpaceBetween>
    </Dialog>
  );
}

/** Disables or enables. */
export function DisableDialog({ user, close, done }: Props & { user: User }) {
  const { withSecret } = useApi();
  const [own, setOwn] = useState("");
  const { busy, failure, act } = useAction();
  const verb = user.Disabled ? "Enable" : "Disable";
  const save = () =>
    act(async () => {
      await withSecret(own).updateUser({ UserName: user.UserName, Disabled: !user.Disabled });
      done(`${user.UserName} was ${verb.toLowerCase()}d.`);
      close();
    });
  return (
    <Dialog title={`${verb} ${user.UserName}?`} action={verb} busy={busy} disabled={!own} run={save} close={close}>
      <SpaceBetween size="l">
        {!user.Disabled && "It is signed out at once, and cannot sign in until it is enabled again."}
        <OwnSecret value={own} change={setOwn} />
        {failure && <Alert type="error">{failure.message}</Alert>}
      </SpaceBetween>
    </Dialog>
  );
}
