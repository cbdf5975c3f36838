import { expect, test } from "vitest";
import { isSyncUnderWay, syncAdvice, syncStatus } from "./status";

test("every status of a configuration has words, and what went wrong has advice", () => {
  const check = (status: string | undefined, details: string | undefined, text: string, advice: RegExp | undefined) => {
    expect(syncStatus(status).text).toBe(text);
    const given = syncAdvice(status, details);
    if (advice) expect(given).toMatch(advice);
    else expect(given).toBeUndefined();
  };
  const silence = "the hub did not take the configuration within 15 minutes; check that its agent runs";
  check(undefined, undefined, "Not configured", undefined);
  check("SYNCING", undefined, "Waiting for the hub", /agent runs/);
  check("ACKNOWLEDGED", undefined, "The hub is applying it", undefined);
  check("IN_SYNC", undefined, "In sync", undefined);
  check("SYNC_FAILED", silence, "Failed", /agent runs.*as soon as it does/);
  check("SYNC_FAILED", "the disk is read-only", "Failed", /^Correct what the message says, then save/);
  check("SYNC_FAILED", undefined, "Failed", /^Correct/);
  check("DELETING", undefined, "Deletion waits for the hub", /erases/);
  check("DELETING_ACKNOWLEDGED", undefined, "The hub is erasing its media", /erases/);
  check("DELETE_FAILED", silence, "Deletion failed", /gone for good/);
  check("DELETE_FAILED", "the disk is read-only", "Deletion failed", /then delete again/);
});

test("a configuration that is on its way is not changed", () => {
  const under = ["SYNCING", "ACKNOWLEDGED", "DELETING", "DELETING_ACKNOWLEDGED"].map(isSyncUnderWay);
  expect(under).toEqual([true, true, true, true]);
  expect([undefined, "IN_SYNC", "SYNC_FAILED", "DELETE_FAILED"].map(isSyncUnderWay)).toEqual([false, false, false, false]);
});
