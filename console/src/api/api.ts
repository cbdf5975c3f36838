/** The clients of a session, and the context that hands them to pages. */
import { KinesisVideoClient } from "@aws-sdk/client-kinesis-video";
import { KinesisVideoArchivedMediaClient } from "@aws-sdk/client-kinesis-video-archived-media";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { createContext, useContext } from "react";
import { type Call, signedCall } from "./call";
import { type Extensions, extensions } from "./extensions";
import { type Rights, rightsOf } from "../logic/rights";
import type { Session } from "./session";
import type { Settings } from "./settings";

export interface Api {
  settings: Settings;
  session: Session;
  kinesisVideo: KinesisVideoClient;
  archivedMedia: KinesisVideoArchivedMediaClient;
  secrets: SecretsManagerClient;
  extensions: Extensions;
  call: Call;
  /** What is offered to whoever is signed in. */
  rights: Rights;
  /** The operations that a session alone may not carry out, with the long-lived secret or the password, typed for this once. */
  withSecret: (secretAccessKey: string) => Extensions;
}

/** All of the API is at the page's own origin, whatever name the server gives itself elsewhere. */
export function apiOf(settings: Settings, session: Session): Api {
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const call = signedCall(settings.Region, credentials);
  const config = { region: settings.Region, endpoint: location.origin, credentials, maxAttempts: 2 };
  return {
    settings,
    session,
    kinesisVideo: new KinesisVideoClient(config),
    archivedMedia: new KinesisVideoArchivedMediaClient(config),
    secrets: new SecretsManagerClient(config),
    extensions: extensions(call),
    call,
    rights: rightsOf(session.user),
    withSecret: (typed) =>
      session.user
        ? extensions(call, typed)
        : extensions(signedCall(settings.Region, { accessKeyId: session.signedInAs, secretAccessKey: typed })),
  };
}

const Context = createContext<Api | undefined>(undefined);

export const ApiProvider = Context.Provider;

export function useApi(): Api {
  const api = useContext(Context);
  if (!api) throw new Error("nobody is signed in");
  return api;
}
