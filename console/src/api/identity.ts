import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { Session } from "./session";
import type { Settings } from "./settings";

/** Who is signed in, as the audit log names it. */
export async function callerArn(settings: Settings, session: Session): Promise<string> {
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const sts = new STSClient({ region: settings.Region, endpoint: location.origin, credentials, maxAttempts: 2 });
  try {
    return (await sts.send(new GetCallerIdentityCommand({}))).Arn ?? session.signedInAs;
  } finally {
    sts.destroy();
  }
}
