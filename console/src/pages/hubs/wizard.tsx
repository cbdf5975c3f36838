import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Container from "@cloudscape-design/components/container";
import ExpandableSection from "@cloudscape-design/components/expandable-section";
import FormField from "@cloudscape-design/components/form-field";
import Header from "@cloudscape-design/components/header";
import Input from "@cloudscape-design/components/input";
import Link from "@cloudscape-design/components/link";
import Multiselect from "@cloudscape-design/components/multiselect";
import SegmentedControl from "@cloudscape-design/components/segmented-control";
import SpaceBetween from "@cloudscape-design/components/space-between";
import StatusIndicator from "@cloudscape-design/components/status-indicator";
import Textarea from "@cloudscape-design/components/textarea";
import Wizard from "@cloudscape-design/components/wizard";
import { useState } from "react";
import { useApi } from "../../api/api";
import type { NewAccessKey } from "../../api/operations";
import { listSecrets } from "../../api/secrets";
import { listStreams } from "../../api/streams";
import { hubArn, hubNameFault } from "../../logic/hub";
import {
  agentCommands,
  authorityFault,
  endpointFault,
  type HubCommands,
  isOpenToOthers,
  serviceCommands,
} from "../../logic/hub-commands";
import { hubPolicy } from "../../logic/policy";
import { hrefOf } from "../../logic/route";
import { useAction } from "../../ui/action";
import { useLoad } from "../../ui/load";
import { go } from "../../ui/route";
import { OwnSecret } from "../../ui/own-secret";
import { CopyBlock } from "../../ui/secret-text";

export function HubWizard() {
  const api = useApi();
  const { settings } = api;
  const [own, setOwn] = useState("");
  const [step, setStep] = useState(0);
  const [name, setName] = useState("");
  const [asked, setAsked] = useState(false);
  const [streams, setStreams] = useState<string[]>([]);
  const [secrets, setSecrets] = useState<string[]>([]);
  const [endpoint, setEndpoint] = useState(location.origin);
  const [authority, setAuthority] = useState("");
  const [key, setKey] = useState<NewAccessKey>();
  const { busy, failure, act, refuse } = useAction();
  const nameFault = hubNameFault(name);
  const addressFault = endpointFault(endpoint);
  const certificateFault = endpoint.startsWith("https:") ? authorityFault(authority) : undefined;
  const fault = nameFault ?? addressFault ?? certificateFault;
  const arn = hubArn(name, settings.Region, settings.AccountId);
  const policy = hubPolicy({ hubName: name, streams, secrets });
  const create = () =>
    act(async () => {
      setKey(await api.withSecret(own).createAccessKey({ PolicyDocument: policy, UserName: name.slice(0, 64) }));
      setStep(2);
    });
  const navigate = (wanted: number) => {
    setAsked(true);
    if (fault) return;
    if (wanted === 2 && !key) {
      if (own) void create();
      else refuse("Type your secret access key first.");
    } else if (!key || wanted === 2) setStep(wanted);
  };
  return (
    <Wizard
      activeStepIndex={step}
      isLoadingNextStep={busy}
      submitButtonText="Done"
      onNavigate={({ detail }) => navigate(detail.requestedStepIndex)}
      onCancel={() => go({ page: "hubs" })}
      onSubmit={() => go({ page: "hub", name })}
      i18nStrings={{
        stepNumberLabel: (number) => `Step ${number}`,
        collapsedStepsLabel: (number, count) => `Step ${number} of ${count}`,
        navigationAriaLabel: "Steps",
        cancelButton: "Cancel",
        previousButton: "Previous",
        nextButton: step === 1 ? "Create the key" : "Next",
      }}
      steps={[
        {
          title: "Name the hub",
          description: "A hub is the machine beside the cameras that records them and uploads.",
          content: (
            <Container>
              <SpaceBetween size="l">
                <FormField label="Hub name" errorText={(asked || name) && nameFault} constraintText="It cannot be changed later.">
                  <Input value={name} autoFocus autoComplete={false} onChange={({ detail }) => setName(detail.value)} />
                </FormField>
                <FormField
                  label="Server address"
                  description="Where the hub reaches this server."
                  errorText={addressFault}
                  warningText={
                    isOpenToOthers(endpoint) && "By plain http everybody between hub and server can read video and secrets."
                  }
                >
                  <Input value={endpoint} autoComplete={false} onChange={({ detail }) => setEndpoint(detail.value)} />
                </FormField>
                {endpoint.startsWith("https:") && (
                  <FormField
                    label={<>Certificate of your CA <i>– optional</i></>}
                    description="In PEM, if the hub's system does not trust the server's certificate."
                    errorText={certificateFault}
                  >
                    <Textarea
                      rows={4}
                      value={authority}
                      spellcheck={false}
                      placeholder="-----BEGIN CERTIFICATE-----"
                      onChange={({ detail }) => setAuthority(detail.value)}
                    />
                  </FormField>
                )}
                {name && !nameFault && (
                  <Box color="text-body-secondary">
                    Its ARN will be <Box variant="code">{arn}</Box>
                  </Box>
                )}
              </SpaceBetween>
            </Container>
          ),
        },
        {
          title: "What its key may do",
          description: "The hub gets a key of its own. It can upload, read its cameras' secrets and ask for its work, no more.",
          content: (
            <Container>
              <SpaceBetween size="l">
                <Names
                  label="Streams"
                  all="All streams, those to come included"
                  load={async () => (await listStreams(api.kinesisVideo)).map(({ StreamName }) => StreamName ?? "")}
                  chosen={streams}
                  choose={setStreams}
                />
                <Names
                  label="Secrets"
                  all="All secrets, those to come included"
                  load={async () => (await listSecrets(api.secrets)).map(({ Name }) => Name ?? "")}
                  chosen={secrets}
                  choose={setSecrets}
                />
                <ExpandableSection headerText="The policy">
                  <CopyBlock text={policy} label="the policy" />
                </ExpandableSection>
                <OwnSecret value={own} change={setOwn} />
                {failure && <Alert type="error">{failure.message}</Alert>}
              </SpaceBetween>
            </Container>
          ),
        },
        {
          title: "Start the agent",
          content: key && (
            <StartAgent
              hub={{
                arn,
                endpoint,
                accessKeyId: key.AccessKeyId,
                secretAccessKey: key.SecretAccessKey,
                region: settings.Region,
                authority: endpoint.startsWith("https:") ? authority : "",
              }}
            />
          ),
        },
      ]}
    />
  );
}

interface NamesProps {
  label: string;
  all: string;
  load: () => Promise<string[]>;
  chosen: string[];
  choose: (names: string[]) => void;
}

function Names({ label, all, load, chosen, choose }: NamesProps) {
  const known = useLoad(`names of ${label}`, load);
  return (
    <FormField label={label} description={chosen.length === 0 ? all : undefined}>
      <Multiselect
        filteringType="auto"
        placeholder={`Limit to some ${label.toLowerCase()}`}
        statusType={known.loading ? "loading" : known.failure ? "error" : "finished"}
        empty={`There are no ${label.toLowerCase()} yet`}
        options={(known.data ?? []).map((value) => ({ value, label: value }))}
        selectedOptions={chosen.map((value) => ({ value, label: value }))}
        onChange={({ detail }) => choose(detail.selectedOptions.map(({ value }) => value ?? ""))}
      />
    </FormField>
  );
}

const WAYS = [
  { id: "service", text: "As a service" },
  { id: "terminal", text: "In a terminal" },
];

function StartAgent({ hub }: { hub: HubCommands }) {
  const [way, setWay] = useState("service");
  return (
    <Container header={<Header variant="h2">On the hub</Header>}>
      <SpaceBetween size="m">
        <Alert type="warning">The key's secret is shown this once.</Alert>
        <SegmentedControl
          label="How the agent runs"
          options={WAYS}
          selectedId={way}
          onChange={({ detail }) => setWay(detail.selectedId)}
        />
        {way === "service" ? (
          <Box>
            Starts with the machine and after whatever ended it. Install the program as <Box variant="code">/usr/bin/vigie</Box>{" "}
            and <Box variant="code">packaging/systemd/vigie-agent.service</Box> in{" "}
            <Box variant="code">/etc/systemd/system</Box>, then run as root:
          </Box>
        ) : (
          <Box>Records until the terminal is closed. Install the program vigie on the hub, then run:</Box>
        )}
        <CopyBlock label="the commands" text={way === "service" ? serviceCommands(hub) : agentCommands(hub)} />
        <FirstCall arn={hub.arn} />
      </SpaceBetween>
    </Container>
  );
}

/** Watches for the hub's first call. */
function FirstCall({ arn }: { arn: string }) {
  const { extensions } = useApi();
  const hubs = useLoad("hubs", () => extensions.listHubs(), 2000);
  const called = hubs.data?.some((hub) => hub.HubDeviceArn === arn && hub.InContact);
  return called ? (
    <StatusIndicator type="success">
      The hub has called. <Link href={hrefOf({ page: "add-camera" })}>Add a camera</Link> next.
    </StatusIndicator>
  ) : (
    <StatusIndicator type="in-progress">Waiting for the hub's first call</StatusIndicator>
  );
}
