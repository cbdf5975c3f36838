import { expect, test } from "vitest";
import { rightsOf } from "./rights";

test("a role is offered what the server lets it do, and a key everything", () => {
  const all = { cameras: true, streams: true, tags: true, access: true };
  const none = { cameras: false, streams: false, tags: false, access: false };
  expect(rightsOf(undefined)).toEqual(all);
  expect(rightsOf({ role: "ADMINISTRATOR", streams: "ALL" })).toEqual(all);
  expect(rightsOf({ role: "OPERATOR", streams: "ALL" })).toEqual({ ...all, access: false });
  expect(rightsOf({ role: "OPERATOR", streams: "NAMES" })).toEqual({ ...none, streams: true, tags: true });
  expect(rightsOf({ role: "OPERATOR", streams: "TAG" })).toEqual({ ...none, streams: true });
  expect(rightsOf({ role: "VIEWER", streams: "ALL" })).toEqual(none);
  expect(rightsOf({ role: "VIEWER", streams: "NAMES" })).toEqual(none);
});
