/** A camera, from nothing to being recorded: its stream, its secret, its edge configuration. */
import type { EdgeConfig, KinesisVideoClient } from "@aws-sdk/client-kinesis-video";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { StreamForm } from "../logic/stream-form";
import { startEdgeUpdate } from "./edge";
import { changeSecret, createSecret } from "./secrets";
import { createStream } from "./streams";

/** Names that are tried for a secret. */
const NAMES_MAX = 20;

/** What was made of a camera so far: whoever tries again goes on behind it. */
export interface Made {
  stream?: boolean;
  secretArn?: string;
}

export interface NewCamera {
  stream: StreamForm;
  uri: string;
  /** With the secret that was made for it. */
  config: (secretArn: string) => EdgeConfig;
}

/** A secret of this name, or of the next one that is free: another may be in use by another stream. */
async function createFreeSecret(secrets: SecretsManagerClient, name: string, uri: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    try {
      return await createSecret(secrets, number === 1 ? name : `${name}-${number}`, uri);
    } catch (error) {
      const isTaken = error instanceof Error && error.name === "ResourceExistsException";
      if (!isTaken || number === NAMES_MAX) throw error;
    }
  }
}

/** Makes what is not made yet; `note` hears of each step, so that a failure between two of them costs none. */
export async function addCamera(
  kinesisVideo: KinesisVideoClient,
  secrets: SecretsManagerClient,
  { stream, uri, config }: NewCamera,
  made: Made,
  note: (made: Made) => void,
): Promise<void> {
  let now = made;
  if (!now.stream) {
    await createStream(kinesisVideo, stream);
    note((now = { ...now, stream: true }));
  }
  let { secretArn } = now;
  if (secretArn === undefined) {
    secretArn = await createFreeSecret(secrets, `${stream.name}-camera`, uri);
    note({ ...now, secretArn });
  } else {
    // What was typed may be another address by now.
    await changeSecret(secrets, secretArn, uri);
  }
  await startEdgeUpdate(kinesisVideo, stream.name, config(secretArn));
}
