import { expect, test } from "vitest";
import type { User } from "../api/operations";
import { formOf, NEW_USER, passwordFault, roleOf, streamsFault, streamsText, userNameFault } from "./user-form";

const USER: User = {
  UserName: "guard",
  UserId: "AIDA",
  Arn: "arn:aws:iam::000000000000:user/guard",
  Role: "VIEWER",
  Disabled: false,
  CreationTime: 1,
  PasswordChangeTime: 1,
};

test("a form is read from a user and written as it was", () => {
  const scopes = [{}, { StreamNames: ["gate", "dock-*"] }, { StreamTag: { TagKey: "Site", TagValue: "north" } }];
  for (const scope of scopes) {
    const user = { ...USER, ...scope };
    expect(roleOf(formOf(user))).toEqual({ Role: "VIEWER", ...scope });
    expect(streamsFault(formOf(user))).toBeUndefined();
  }
  expect(scopes.map((scope) => streamsText({ ...USER, ...scope }))).toEqual(["All", "gate, dock-*", "Tagged Site=north"]);
});

test("an administrator has all streams, whatever was typed before", () => {
  const form = { ...NEW_USER, role: "ADMINISTRATOR" as const, streams: "names" as const, names: "a/b" };
  expect(streamsFault(form)).toBeUndefined();
  expect(roleOf(form)).toEqual({ Role: "ADMINISTRATOR" });
});

test("what is wrong is said", () => {
  const names = (names: string) => streamsFault({ ...NEW_USER, streams: "names", names });
  expect(names(" gate, dock-*\nyard")).toBeUndefined();
  expect(names(" ,")).toMatch(/at least/);
  expect(names("a/b")).toBe("a/b is no name of a stream.");
  expect(names("x ".repeat(101))).toMatch(/100 streams at most/);
  expect(streamsFault({ ...NEW_USER, streams: "tag" })).toBe("Name the tag.");
  expect(userNameFault("ada@example.com")).toBeUndefined();
  for (const wrong of ["", "a b", "x".repeat(65)]) expect(userNameFault(wrong)).toBeDefined();
  expect(passwordFault("ada", "correct horse")).toBeUndefined();
  expect(passwordFault("ada", "123456789")).toMatch(/10 characters/);
  expect(passwordFault("ada", "é".repeat(129))).toMatch(/256 bytes/);
  expect(passwordFault("ada.lovelace", "Ada.Lovelace")).toBe("Not the name.");
});
