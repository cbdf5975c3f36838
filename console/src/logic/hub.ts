/** What is needed to set a hub up, and how its state is said. */

import { durationText } from "./units";

const PLACE = /^arn:[a-z\d-]+:iot:([a-z0-9-]+):([0-9]+):thing\/([a-zA-Z0-9_.-]+)$/;

/** Where a server is: hubs of its region and account go by their names. */
export interface Place {
  region: string;
  account: string;
}

export function hubName(arn: string): string {
  return PLACE.exec(arn)?.[3] ?? arn;
}

/** What a hub goes by at a server, for addresses and fields: its name; of a hub of another region or account, its ARN. */
export function hubKey(arn: string, { region, account }: Place): string {
  return arn === hubArn(hubName(arn), region, account) ? hubName(arn) : arn;
}

/** The other way. */
export function hubArnOf(key: string, { region, account }: Place): string {
  return key.startsWith("arn:") ? key : hubArn(key, region, account);
}

/** What a hub is called, so that none of equal name is taken for another. */
export function hubLabel(arn: string, place: Place): string {
  const [, region, account, name] = PLACE.exec(arn) ?? [];
  if (name === undefined || hubKey(arn, place) === name) return hubName(arn);
  return `${name} (${region}${account === place.account ? "" : `, ${account}`})`;
}

export function isHubArn(arn: string): boolean {
  return PLACE.test(arn) && arn.length <= 1024;
}

export function hubArn(name: string, region: string, account: string): string {
  return `arn:aws:iot:${region}:${account}:thing/${name}`;
}

export function hubNameFault(name: string): string | undefined {
  if (name === "") return "Give the hub a name.";
  return /^[a-zA-Z0-9_.-]{1,128}$/.test(name) ? undefined : "Letters, digits, and _ . - only; 128 at most.";
}

/** Beyond this, people notice that media is dated wrongly; the server warns of it as well. */
const CLOCK_SKEW_MAX_MS = 5000;

/** How a hub's clock stands to the server's, and whether that is well. */
export function clockState(skewMs: number | undefined): { text: string; wrong: boolean } {
  if (skewMs === undefined) return { text: "–", wrong: false };
  const wrong = Math.abs(skewMs) > CLOCK_SKEW_MAX_MS;
  if (Math.abs(skewMs) < 1000) return { text: "Agrees with the server", wrong };
  const apart = wrong ? durationText(Math.abs(skewMs)) : `${(Math.abs(skewMs) / 1000).toFixed(1)} s`;
  return { text: `${apart} ${skewMs > 0 ? "ahead" : "behind"}`, wrong };
}
