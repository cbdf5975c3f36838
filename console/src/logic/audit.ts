/** What a line of the audit log says to people: who, about what, and what went with it. */
import type { AuditEvent } from "../api/operations";
import { plural, sizeText } from "./units";

/** Tells one event from another; commands at the machine and what the server does have no request. */
export function eventId(event: AuditEvent): string {
  const { RequestId, EventTime, Action, Resource, Path } = event;
  return RequestId ?? [EventTime, Action, Resource, Path].join(" ");
}

/** `user/guest`, `root`, or in words who has no ARN. */
export function whoText(principal: string): string {
  switch (principal) {
    case "unproven":
      return "Nobody known";
    case "vigie:server":
      return "The server";
    case "vigie:first-start":
      return "The first start";
    case "vigie:share-link":
      return "Who has the link";
    default:
      return principal.split(":").at(-1) ?? principal;
  }
}

/** The access key, or why there is none. */
export function keyText({ AccessKeyId, PrincipalArn }: AuditEvent): string {
  return AccessKeyId ?? (PrincipalArn.startsWith("local:") ? "at the machine" : "–");
}

/** `stream/gate` of a stream's ARN, `stream/gate/share-link/0a` of a link's; of a command, the file that it was about. */
export function subjectText({ Resource, Path }: AuditEvent): string {
  if (!Resource) return Path ?? "–";
  return Resource.split(":").slice(5).join(":").replace(/\/(\d{10,}|\*)(?=$|\/share-link\/)/, "") || Resource;
}

/** What stands below the outcome: how much video went, and how many calls the line stands for. */
export function outcomeDetails(event: AuditEvent): string[] {
  const details: string[] = [];
  const { FragmentCount, SizeBytes, NotUploadedBytes, Count, ErrorCode } = event;
  if (SizeBytes !== undefined && !ErrorCode) {
    const fragments = FragmentCount === undefined ? "" : `${plural(FragmentCount, "fragment")}, `;
    details.push(`${fragments}${sizeText(SizeBytes)} erased`);
  }
  if (NotUploadedBytes !== undefined) details.push(`${sizeText(NotUploadedBytes)} were never uploaded`);
  if (Count !== undefined && Count > 1) {
    const whose = event.PrincipalArn === "unproven" ? " from this address" : "";
    details.push(`Stands for ${plural(Count, "call")}${whose}`);
  }
  return details;
}
