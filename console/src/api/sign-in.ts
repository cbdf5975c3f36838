import { GetSessionTokenCommand, STSClient } from "@aws-sdk/client-sts";
import type { Session } from "./session";
import type { Settings } from "./settings";

/** As long as the server gives temporary credentials without being asked for more. */
const SESSION_SECONDS = 12 * 3600;

/** Exchanges an access key for temporary credentials. The secret is used for this one call and then forgotten. */
export async function signIn(settings: Settings, accessKeyId: string, secretAccessKey: string): Promise<Session> {
  const sts = new STSClient({
    region: settings.Region,
    endpoint: location.origin,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  });
  try {
    const answer = await sts.send(new GetSessionTokenCommand({ DurationSeconds: SESSION_SECONDS }));
    const given = answer.Credentials;
    if (!given?.AccessKeyId || !given.SecretAccessKey || !given.SessionToken) {
      throw new Error("the server gave no credentials");
    }
    return {
      signedInAs: accessKeyId,
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      sessionToken: given.SessionToken,
      expiresAt: given.Expiration?.getTime() ?? Date.now() + SESSION_SECONDS * 1000,
    };
  } finally {
    sts.destroy();
  }
}
