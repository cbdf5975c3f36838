/** Signed calls of the operations that Vigie adds to the API, which the SDK does not know. */
import { Sha256 } from "@smithy/core/checksum";
import { HttpRequest } from "@smithy/core/protocols";
import { SignatureV4 } from "@smithy/signature-v4";
import { type Operations, PATHS } from "./operations";

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  /** Belongs to temporary credentials. */
  sessionToken?: string;
}

export type Call = <Name extends keyof Operations>(
  operation: Name,
  input: Operations[Name]["input"],
  abort?: AbortSignal,
) => Promise<Operations[Name]["output"]>;

export function signedCall(region: string, credentials: Credentials): Call {
  const signer = new SignatureV4({ service: "kinesisvideo", region, credentials, sha256: Sha256 });
  return async (operation, input, abort) => {
    const body = JSON.stringify(input);
    const request = new HttpRequest({
      method: "POST",
      protocol: location.protocol,
      hostname: location.hostname,
      path: PATHS[operation],
      headers: { host: location.host, "content-type": "application/json" },
      body,
    });
    const signed = await signer.sign(request);
    // The browser sets the host itself.
    const { host: _, ...headers } = signed.headers;
    const answer = await fetch(request.path, { method: "POST", headers, body, signal: abort ?? null });
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text || "{}");
    throw refusal(answer, text);
  };
}

function refusal(answer: Response, text: string): Error {
  const name = answer.headers.get("x-amzn-errortype")?.split(":")[0] ?? `status ${answer.status}`;
  const error = new Error(messageOf(text) ?? name);
  error.name = name;
  return error;
}

function messageOf(text: string): string | undefined {
  try {
    const body = JSON.parse(text) as { Message?: string; message?: string };
    return body.Message ?? body.message;
  } catch {
    return undefined;
  }
}
