import FormField from "@cloudscape-design/components/form-field";
import Input from "@cloudscape-design/components/input";
import { useApi } from "../api/api";

interface Props {
  value: string;
  change: (value: string) => void;
}

/** Asks for the secret again: who finds a session open may look around, but make no key that outlives it. */
export function OwnSecret({ value, change }: Props) {
  const { session } = useApi();
  return (
    <FormField
      label={session.user ? "Your password" : "Your secret access key"}
      description={`Of ${session.signedInAs}. Rights are handed out with it alone; it is used once and not kept.`}
    >
      <Input type="password" value={value} autoComplete={false} onChange={({ detail }) => change(detail.value)} />
    </FormField>
  );
}
