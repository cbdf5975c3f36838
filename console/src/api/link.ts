import type { Session } from "./session";

/** Exchanges the code of a link for temporary credentials. It works once. */
export async function signInByCode(Code: string): Promise<Session> {
  const answer = await fetch("/console/sign-in", { method: "POST", body: JSON.stringify({ Code }) });
  if (!answer.ok) throw new Error(await answer.text());
  const given = (await answer.json()) as Record<string, string> & { Expiration: number };
  return {
    signedInAs: given.SignedInAs ?? "",
    accessKeyId: given.AccessKeyId ?? "",
    secretAccessKey: given.SecretAccessKey ?? "",
    sessionToken: given.SessionToken ?? "",
    expiresAt: given.Expiration * 1000,
  };
}
