/** What is typed on a machine so that it is a hub of this server. */

export interface HubCommands {
  arn: string;
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
  /** Certificates in PEM by which the server is trusted; empty where the system's do. */
  authority: string;
}

/** Far more than a CA and those between need. */
const AUTHORITY_LENGTH_MAX = 65_536;

/** What is wrong with the address at which a hub is to reach the server. It stands between quotes in a shell and in a unit. */
export function endpointFault(endpoint: string): string | undefined {
  if (!URL.canParse(endpoint)) return "Begin with https:// or http://, then the server's host.";
  const { protocol, username, password, search, hash } = new URL(endpoint);
  if (protocol !== "https:" && protocol !== "http:") return "Begin with https:// or http://, then the server's host.";
  if (username || password || search || hash) return "Host and port only: no user, no ? and no #.";
  return /^[\w.:/[\]-]+$/.test(endpoint) ? undefined : "Host and port only.";
}

/** Whether everybody between hub and server can read video and secrets, which the agent has to be told to put up with. */
export function isOpenToOthers(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { protocol, hostname } = new URL(endpoint);
  return protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

/** What is wrong with pasted certificates. */
export function authorityFault(pem: string): string | undefined {
  if (pem.trim() === "") return undefined;
  if (pem.includes("PRIVATE KEY")) return "This holds a private key, which stays where it is: paste the certificate alone.";
  const certificate = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
  const isPem = certificate.test(pem) && pem.replace(certificate, "").trim() === "" && pem.length <= AUTHORITY_LENGTH_MAX;
  return isPem ? undefined : "Paste it whole, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.";
}

/** The file that AWS's tools and `vigie agent` read. */
export function credentialsFile({ accessKeyId, secretAccessKey }: HubCommands): string {
  return `[default]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
}

const written = (path: string, text: string) => [`cat >${path} <<'END'`, text.trim(), "END"];

/** What to type for an agent that runs until its terminal is closed. */
export function agentCommands(hub: HubCommands): string {
  return [
    "# The hub's key, readable by its owner alone",
    "umask 077",
    ...written("vigie-credentials", credentialsFile(hub)),
    ...(hub.authority.trim() ? ["# Whom the server's certificate is trusted by", ...written("vigie-ca.pem", hub.authority)] : []),
    "# Records and uploads from here on; it takes its work from the server",
    "AWS_SHARED_CREDENTIALS_FILE=$PWD/vigie-credentials \\",
    ...(hub.authority.trim() ? ["SSL_CERT_FILE=$PWD/vigie-ca.pem \\"] : []),
    "vigie agent \\",
    `  --hub-device-arn ${hub.arn} \\`,
    `  --endpoint-url '${hub.endpoint}' --region ${hub.region} \\`,
    `  ${isOpenToOthers(hub.endpoint) ? "--insecure-http " : ""}--data-dir vigie-hub`,
  ].join("\n");
}

/** What root types for an agent that systemd starts with the machine: what the unit needs to know lies beside it. */
export function serviceCommands(hub: HubCommands): string {
  const settings = [
    "[Service]",
    `Environment=VIGIE_HUB_DEVICE_ARN=${hub.arn}`,
    `Environment=VIGIE_ENDPOINT_URL=${hub.endpoint}`,
    `Environment=VIGIE_REGION=${hub.region}`,
    ...(isOpenToOthers(hub.endpoint) ? ["Environment=VIGIE_INSECURE_HTTP=true"] : []),
    "Environment=AWS_SHARED_CREDENTIALS_FILE=/etc/vigie/hub-credentials",
    ...(hub.authority.trim() ? ["Environment=SSL_CERT_FILE=/etc/vigie/hub-ca.pem"] : []),
  ];
  return [
    "# The user that the service runs as",
    "id vigie >/dev/null 2>&1 || useradd --system --shell /usr/sbin/nologin vigie",
    "mkdir -p /etc/vigie /etc/systemd/system/vigie-agent.service.d",
    "# The hub's key, readable by that user alone",
    "install -m 600 -o vigie /dev/null /etc/vigie/hub-credentials",
    ...written("/etc/vigie/hub-credentials", credentialsFile(hub)),
    ...(hub.authority.trim()
      ? ["# Whom the server's certificate is trusted by", ...written("/etc/vigie/hub-ca.pem", hub.authority)]
      : []),
    "# Further options may be put there; those of this hub win",
    "touch /etc/vigie/vigie.toml",
    ...written("/etc/systemd/system/vigie-agent.service.d/hub.conf", settings.join("\n")),
    "# Records and uploads from here on, also after a power cut; it takes its work from the server",
    "systemctl daemon-reload",
    "systemctl enable --now vigie-agent",
  ].join("\n");
}
