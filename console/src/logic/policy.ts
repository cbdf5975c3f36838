/** IAM policies that the console writes: what a hub may do, what a viewer may do. */

import type { Action } from "../api/operations";

export interface HubAccess {
  hubName: string;
  /** Streams that the hub records; all when there are none yet. */
  streams: string[];
  /** Names of the secrets that it reads; all when none is named. */
  secrets: string[];
}

/** Stands for several actions. */
type ActionPattern = `${"kinesisvideo" | "secretsmanager"}:${string}*`;

interface Statement {
  Effect: "Allow" | "Deny";
  Action: (Action | ActionPattern) | (Action | ActionPattern)[];
  Resource: string | string[];
}

const document = (Statement: Statement[]) => JSON.stringify({ Version: "2012-10-17", Statement }, null, 2);

const one = (resources: string[]) => (resources.length === 1 ? (resources[0] ?? "*") : resources);

/** The role policy of AWS's guide for the edge agent, and the hub sync. */
export function hubPolicy({ hubName, streams, secrets }: HubAccess): string {
  const streamArns = streams.length > 0 ? streams : ["*"];
  const secretArns = secrets.length > 0 ? secrets.map((name) => `${name}-??????`) : ["*"];
  return document([
    { Effect: "Allow", Action: "kinesisvideo:ListStreams", Resource: "*" },
    {
      Effect: "Allow",
      Action: [
        "kinesisvideo:DescribeStream",
        "kinesisvideo:PutMedia",
        "kinesisvideo:TagStream",
        "kinesisvideo:GetDataEndpoint",
        "kinesisvideo:ListFragments",
      ],
      Resource: one(streamArns.map((name) => `arn:aws:kinesisvideo:*:*:stream/${name}/*`)),
    },
    {
      Effect: "Allow",
      Action: "secretsmanager:GetSecretValue",
      Resource: one(secretArns.map((name) => `arn:aws:secretsmanager:*:*:secret:${name}`)),
    },
    { Effect: "Allow", Action: "kinesisvideo:SyncEdgeAgent", Resource: `arn:aws:iot:*:*:thing/${hubName}` },
  ]);
}

/** Looking at everything, changing nothing, no secrets. */
export function viewerPolicy(): string {
  return document([
    {
      Effect: "Allow",
      Action: ["kinesisvideo:Describe*", "kinesisvideo:Get*", "kinesisvideo:List*", "kinesisvideo:ExportClip"],
      Resource: "*",
    },
  ]);
}

/** Streams, edge configurations and secrets, but no access keys. */
export function operatorPolicy(): string {
  return document([
    { Effect: "Allow", Action: ["kinesisvideo:*", "secretsmanager:*"], Resource: "*" },
    {
      Effect: "Deny",
      Action: ["kinesisvideo:CreateAccessKey", "kinesisvideo:RevokeAccessKey", "kinesisvideo:ListAccessKeys"],
      Resource: "*",
    },
  ]);
}

/** What is plainly wrong with a document before the server looks at it. */
export function policyFault(text: string): string | undefined {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch (error) {
    return `This is not JSON: ${(error as Error).message}`;
  }
  if (typeof policy !== "object" || policy === null || !("Statement" in policy)) {
    return "A policy is an object with a Statement.";
  }
  return undefined;
}
