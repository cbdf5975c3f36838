import { expect, test } from "vitest";
import type { AuditEvent } from "../api/operations";
import { eventId, keyText, outcomeDetails, subjectText, whoText } from "./audit";

const CALL: AuditEvent = {
  EventTime: 1_795_000_000,
  RequestId: "9d1f0000",
  AccessKeyId: "AKIAEXAMPLE234567ABC",
  PrincipalArn: "arn:aws:iam::000000000000:user/guest",
  Action: "kinesisvideo:DeleteStream",
  Resource: "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1795000000000",
  StatusCode: 200,
  RemoteAddress: "192.0.2.7:40000",
};
const COMMAND: AuditEvent = {
  EventTime: 1_795_000_000,
  PrincipalArn: "local:uid/1000",
  Action: "vigie:DiscardMedia",
  StatusCode: 200,
  Path: "unclaimed/gate/lost.mkv",
};

test("who did it is said in words where there is no ARN", () => {
  const of = (principal: string) => whoText(principal);
  expect(of(CALL.PrincipalArn)).toBe("user/guest");
  expect(of("arn:aws:iam::000000000000:root")).toBe("root");
  expect(of("local:uid/1000")).toBe("uid/1000");
  expect(of("unproven")).toBe("Nobody known");
  expect(of("vigie:server")).toBe("The server");
  expect(of("vigie:first-start")).toBe("The first start");
  expect(of("vigie:share-link")).toBe("Who has the link");
});

test("only a command is at the machine", () => {
  expect(keyText(CALL)).toBe("AKIAEXAMPLE234567ABC");
  expect(keyText(COMMAND)).toBe("at the machine");
  for (const PrincipalArn of ["unproven", "vigie:server"]) {
    expect(keyText({ ...CALL, AccessKeyId: undefined, PrincipalArn })).toBe("–");
  }
});

test("the subject is the resource without its place, or the file", () => {
  expect(subjectText(CALL)).toBe("stream/gate");
  expect(subjectText({ ...CALL, Resource: "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/*" })).toBe("stream/gate");
  expect(subjectText({ ...CALL, Resource: "arn:aws:iam::000000000000:access-key/AKIA" })).toBe("access-key/AKIA");
  expect(subjectText({ ...CALL, Resource: `${CALL.Resource}/share-link/0a1b` })).toBe("stream/gate/share-link/0a1b");
  expect(subjectText(COMMAND)).toBe("unclaimed/gate/lost.mkv");
  expect(subjectText({ ...COMMAND, Path: undefined })).toBe("–");
});

test("what went for good and how many calls a line stands for is said", () => {
  const check = (more: Partial<AuditEvent>, expected: string[]) =>
    expect(outcomeDetails({ ...CALL, ...more })).toEqual(expected);
  check({}, []);
  check({ FragmentCount: 1, SizeBytes: 1_500_000 }, ["1 fragment, 1.50 MB erased"]);
  check({ FragmentCount: 3600, SizeBytes: 3e9, NotUploadedBytes: 2000 }, [
    "3600 fragments, 3.00 GB erased",
    "2.00 KB were never uploaded",
  ]);
  check({ FragmentCount: 3, SizeBytes: 77, ErrorCode: "InternalFailure" }, []);
  check({ ErrorCode: "UnrecognizedClientException", Count: 1 }, []);
  const unproven = { PrincipalArn: "unproven", ErrorCode: "UnrecognizedClientException", Count: 100 };
  check(unproven, ["Stands for 100 calls from this address"]);
  check({ Action: "kinesisvideo:GetMedia", Count: 7 }, ["Stands for 7 calls"]);
});

test("two files that one command removed are two events", () => {
  expect(eventId(CALL)).toBe("9d1f0000");
  expect(eventId(COMMAND)).not.toBe(eventId({ ...COMMAND, Path: "unclaimed/gate/lost too.mkv" }));
});
