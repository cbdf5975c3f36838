/** Signing in without an access key: a password or a link's code for temporary credentials. */
import type { SignedInUser } from "../logic/rights";
import type { Role } from "./operations";
import type { Session } from "./session";

/** Exchanges the code of a link for temporary credentials. It works once. */
export function signInByCode(Code: string): Promise<Session> {
  return exchange({ Code });
}

/** Exchanges a name and a password. */
export function signInByPassword(UserName: string, Password: string): Promise<Session> {
  return exchange({ UserName, Password });
}

interface Given {
  SignedInAs: string;
  /** Of a user. */
  Role?: Role;
  Streams?: SignedInUser["streams"];
  AccessKeyId: string;
  SecretAccessKey: string;
  SessionToken: string;
  Expiration: number;
}

async function exchange(what: Record<string, string>): Promise<Session> {
  const answer = await fetch("/console/sign-in", { method: "POST", body: JSON.stringify(what) });
  if (!answer.ok) throw new Error(await answer.text());
  const given = (await answer.json()) as Given;
  return {
    signedInAs: given.SignedInAs,
    user: given.Role && { role: given.Role, streams: given.Streams ?? "NAMES" },
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.SessionToken,
    expiresAt: given.Expiration * 1000,
  };
}
