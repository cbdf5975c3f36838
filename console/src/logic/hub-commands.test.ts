import { expect, test } from "vitest";
import { hubArn } from "./hub";
import {
  agentCommands,
  authorityFault,
  credentialsFile,
  endpointFault,
  isOpenToOthers,
  serviceCommands,
} from "./hub-commands";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB+z/Q==\n-----END CERTIFICATE-----";

const hub = {
  arn: hubArn("barn", "us-east-1", "000000000000"),
  endpoint: "http://127.0.0.1:8440",
  accessKeyId: "AKIA",
  secretAccessKey: "s/ecret",
  region: "us-east-1",
  authority: "",
};

test("the commands hold all that a hub needs", () => {
  for (const commands of [agentCommands(hub), serviceCommands(hub)]) {
    for (const part of [hub.arn, hub.endpoint, hub.region]) expect(commands).toContain(part);
    expect(commands).toContain(credentialsFile(hub).trim());
    expect(commands).not.toMatch(/insecure/i);
    expect(commands).not.toContain("SSL_CERT_FILE");
  }
  expect(agentCommands(hub)).toContain("umask 077\ncat >vigie-credentials");
  // Private before anything is in it.
  expect(serviceCommands(hub)).toMatch(/install -m 600 -o vigie \/dev\/null (\S+)\ncat >\1 /);
});

test("a private CA is put beside the key and named", () => {
  const trusting = { ...hub, endpoint: "https://vigie.example:8440", authority: `\n${CERTIFICATE}\n\n` };
  expect(agentCommands(trusting)).toContain(`cat >vigie-ca.pem <<'END'\n${CERTIFICATE}\nEND\n`);
  expect(agentCommands(trusting)).toContain("SSL_CERT_FILE=$PWD/vigie-ca.pem");
  expect(serviceCommands(trusting)).toContain(`cat >/etc/vigie/hub-ca.pem <<'END'\n${CERTIFICATE}\nEND\n`);
  expect(serviceCommands(trusting)).toContain("Environment=SSL_CERT_FILE=/etc/vigie/hub-ca.pem");
});

test("plain http to another machine is said to the agent, which refuses it otherwise", () => {
  const open = { ...hub, endpoint: "http://192.168.1.5:8440" };
  expect(agentCommands(open)).toContain("--insecure-http");
  expect(serviceCommands(open)).toContain("Environment=VIGIE_INSECURE_HTTP=true");
});

test.each([
  ["http://192.168.1.5:8440", true],
  ["http://vigie.example", true],
  ["http://127.0.0.1.example", true],
  ["https://vigie.example", false],
  ["http://localhost:8440", false],
  ["http://127.0.0.1:8440", false],
  ["http://[::1]:8440", false],
  ["http:", false],
])("%s is open to others: %s", (endpoint, expected) => {
  expect(isOpenToOthers(endpoint)).toBe(expected);
});

test.each([
  ["https://vigie.example:8440", true],
  ["http://[::1]:8440", true],
  ["https://vigie.example/", true],
  ["vigie.example:8440", false],
  ["", false],
  ["ftp://vigie.example", false],
  ["https://boss:pass@vigie.example", false],
  ["https://vigie.example/?a=b", false],
  ["https://vigie.example/'; rm x; '", false],
  ["https://vigie.example/$(id)", false],
  ["https://vigie.example\nA=b", false],
])("%j is an address of the server: %s", (endpoint, expected) => {
  expect(endpointFault(endpoint) === undefined).toBe(expected);
});

test.each([
  ["", undefined],
  ["  \n", undefined],
  [CERTIFICATE, undefined],
  [`${CERTIFICATE}\n${CERTIFICATE}\n`, undefined],
  ["MIIB", /whole/],
  [`${CERTIFICATE}\nEND\nreboot`, /whole/],
  ["-----BEGIN CERTIFICATE-----\nMIIB", /whole/],
  ["-----BEGIN CERTIFICATE-----\nEND\n$(id)\n-----END CERTIFICATE-----", /whole/],
  [`${CERTIFICATE}\n`.repeat(2000), /whole/],
  [`-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n${CERTIFICATE}`, /private key/],
])("certificates are told from what are none: %#", (pem, expected) => {
  if (expected) expect(authorityFault(pem)).toMatch(expected);
  else expect(authorityFault(pem)).toBeUndefined();
});
