/** Secrets, which the console writes and never reads. */
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  type SecretListEntry,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";

export async function listSecrets(client: SecretsManagerClient): Promise<SecretListEntry[]> {
  const secrets: SecretListEntry[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(new ListSecretsCommand({ MaxResults: 100, NextToken }));
    secrets.push(...(page.SecretList ?? []));
    NextToken = page.NextToken;
  } while (NextToken);
  return secrets;
}

/** The value that a camera's secret has: one key, the URI. */
export function cameraSecret(uri: string): string {
  return JSON.stringify({ MediaURI: uri });
}

export async function createSecret(client: SecretsManagerClient, Name: string, uri: string): Promise<string> {
  const made = await client.send(new CreateSecretCommand({ Name, SecretString: cameraSecret(uri) }));
  return made.ARN ?? "";
}

export async function changeSecret(client: SecretsManagerClient, SecretId: string, uri: string): Promise<void> {
  await client.send(new PutSecretValueCommand({ SecretId, SecretString: cameraSecret(uri) }));
}

export async function deleteSecret(client: SecretsManagerClient, SecretId: string): Promise<void> {
  await client.send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }));
}
