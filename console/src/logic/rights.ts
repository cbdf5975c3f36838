/**
 * What is offered to whom. The server decides what is allowed; this leaves out what it would refuse a role. What a key may
 * do its policy says, so that everything is offered.
 */
import type { Role } from "../api/operations";

export interface SignedInUser {
  role: Role;
  /** Which streams the role is for: all, some by name, or those with a tag. */
  streams: "ALL" | "NAMES" | "TAG";
}

export interface Rights {
  /** Create and delete streams, start edge configurations, add cameras, write secrets. */
  cameras: boolean;
  /** Change a stream that is there, and share what it shows. */
  streams: boolean;
  tags: boolean;
  /** Access keys, users, the audit log; with it hubs, which need keys. */
  access: boolean;
}

export function rightsOf(user: SignedInUser | undefined): Rights {
  if (!user) return { cameras: true, streams: true, tags: true, access: true };
  const operates = user.role !== "VIEWER";
  return {
    cameras: operates && user.streams === "ALL",
    streams: operates,
    tags: operates && user.streams !== "TAG",
    access: user.role === "ADMINISTRATOR",
  };
}
