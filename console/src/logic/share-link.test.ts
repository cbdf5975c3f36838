import { expect, test } from "vitest";
import type { ShareLink } from "../api/operations";
import { linkState } from "./share-link";

const link: ShareLink = {
  LinkId: "0a",
  StreamARN: "arn:gate",
  StreamName: "gate",
  Kind: "STREAM",
  StartTimestamp: 1,
  PrincipalArn: "arn:aws:iam::000000000000:root",
  CreationTime: 1,
  ExpirationTime: 100,
};

test("a link holds until its time or its revocation, whichever comes first", () => {
  expect(linkState(link, 99_999)).toMatchObject({ holds: true, text: "Open" });
  expect(linkState(link, 100_000)).toMatchObject({ holds: false, text: "Expired" });
  expect(linkState({ ...link, RevocationTime: 5 }, 6)).toMatchObject({ holds: false, text: "Revoked" });
});
