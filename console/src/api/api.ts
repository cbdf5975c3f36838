/** The clients of a session, and the context that hands them to pages. */
import { KinesisVideoClient } from "@aws-sdk/client-kinesis-video";
import { KinesisVideoArchivedMediaClient } from "@aws-sdk/client-kinesis-video-archived-media";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { createContext, useContext } from "react";
import { type Extensions, extensions } from "./extensions";
import type { Session } from "./session";
import type { Settings } from "./settings";

export interface Api {
  settings: Settings;
  session: Session;
  kinesisVideo: KinesisVideoClient;
  archivedMedia: KinesisVideoArchivedMediaClient;
  secrets: SecretsManagerClient;
  extensions: Extensions;
}

/** All of the API is at the page's own origin, whatever name the server gives itself elsewhere. */
export function apiOf(settings: Settings, session: Session): Api {
  const { accessKeyId, secretAccessKey, sessionToken } = session;
  const credentials = { accessKeyId, secretAccessKey, sessionToken };
  const config = { region: settings.Region, endpoint: location.origin, credentials, maxAttempts: 2 };
  return {
    settings,
    session,
    kinesisVideo: new KinesisVideoClient(config),
    archivedMedia: new KinesisVideoArchivedMediaClient(config),
    secrets: new SecretsManagerClient(config),
    extensions: extensions(settings.Region, credentials),
  };
}

const Context = createContext<Api | undefined>(undefined);

export const ApiProvider = Context.Provider;

export function useApi(): Api {
  const api = useContext(Context);
  if (!api) throw new Error("nobody is signed in");
  return api;
}
