/** A user as it is typed: what is wrong with it, and what is sent. */
import type { Role, User } from "../api/operations";

export interface UserForm {
  name: string;
  role: Role;
  streams: "all" | "names" | "tag";
  /** Separated by commas, spaces or lines. */
  names: string;
  tagKey: string;
  tagValue: string;
}

export const NEW_USER: UserForm = { name: "", role: "VIEWER", streams: "all", names: "", tagKey: "", tagValue: "" };

export function formOf(user: User): UserForm {
  return {
    name: user.UserName,
    role: user.Role,
    streams: user.StreamNames ? "names" : user.StreamTag ? "tag" : "all",
    names: user.StreamNames?.join("\n") ?? "",
    tagKey: user.StreamTag?.TagKey ?? "",
    tagValue: user.StreamTag?.TagValue ?? "",
  };
}

export function userNameFault(name: string): string | undefined {
  return /^[a-zA-Z0-9_+=,.@-]{1,64}$/.test(name) ? undefined : "Letters, digits, and _ + = , . @ - only; 64 at most.";
}

export function passwordFault(name: string, password: string): string | undefined {
  if ([...password].length < 10) return "10 characters at least.";
  if (new TextEncoder().encode(password).length > 256) return "256 bytes at most.";
  if (password.toLowerCase() === name.toLowerCase()) return "Not the name.";
  return undefined;
}

const namesIn = (text: string) => text.split(/[\s,;]+/).filter((name) => name !== "");

export function streamsFault(form: UserForm): string | undefined {
  if (form.role === "ADMINISTRATOR" || form.streams === "all") return undefined;
  if (form.streams === "tag") return form.tagKey ? undefined : "Name the tag.";
  const names = namesIn(form.names);
  if (names.length === 0) return "Name a stream at least.";
  if (names.length > 100) return "100 streams at most; use * or a tag for more.";
  const wrong = names.find((name) => !/^[a-zA-Z0-9_.*-]{1,256}$/.test(name));
  return wrong && `${wrong} is no name of a stream.`;
}

/** The role with its streams. */
export function roleOf(form: UserForm) {
  const { role: Role, streams } = form;
  if (Role === "ADMINISTRATOR" || streams === "all") return { Role };
  if (streams === "tag") return { Role, StreamTag: { TagKey: form.tagKey, TagValue: form.tagValue } };
  return { Role, StreamNames: namesIn(form.names) };
}

/** The streams of a user, in words. */
export function streamsText(user: User): string {
  if (user.StreamNames) return user.StreamNames.join(", ");
  if (user.StreamTag) return `Tagged ${user.StreamTag.TagKey}=${user.StreamTag.TagValue}`;
  return "All";
}

export const ROLE_NAMES: Record<Role, string> = {
  VIEWER: "Viewer",
  OPERATOR: "Operator",
  ADMINISTRATOR: "Administrator",
};
