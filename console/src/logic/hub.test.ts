import { expect, test } from "vitest";
import {
  clockState,
  hubArn,
  hubArnOf,
  hubKey,
  hubLabel,
  hubName,
  hubNameFault,
  isHubArn,
} from "./hub";
import { hubPolicy, operatorPolicy, policyFault, viewerPolicy } from "./policy";

test("a hub's name and its ARN belong together", () => {
  const arn = hubArn("barn-1", "us-east-1", "000000000000");
  expect(arn).toBe("arn:aws:iot:us-east-1:000000000000:thing/barn-1");
  expect(hubName(arn)).toBe("barn-1");
  expect(isHubArn(arn)).toBe(true);
  expect(isHubArn("arn:aws:iot:us-east-1:x:thing/barn")).toBe(false);
  expect(hubNameFault("barn 1")).toBeDefined();
  expect(hubNameFault("barn-1")).toBeUndefined();
});

test("a hub may reach its own streams and secrets, and nothing else", () => {
  const policy = JSON.parse(hubPolicy({ hubName: "barn", streams: ["gate"], secrets: ["gate-camera"] }));
  const resources = policy.Statement.map((statement: { Resource: unknown }) => statement.Resource);
  expect(resources).toEqual([
    "*",
    "arn:aws:kinesisvideo:*:*:stream/gate/*",
    "arn:aws:secretsmanager:*:*:secret:gate-camera-??????",
    "arn:aws:iot:*:*:thing/barn",
  ]);
  const two = JSON.parse(hubPolicy({ hubName: "barn", streams: ["a", "b"], secrets: [] }));
  expect(two.Statement[1].Resource).toEqual(["arn:aws:kinesisvideo:*:*:stream/a/*", "arn:aws:kinesisvideo:*:*:stream/b/*"]);
  expect(two.Statement[2].Resource).toBe("arn:aws:secretsmanager:*:*:secret:*");
});

test("policies are told from what is none", () => {
  for (const policy of [viewerPolicy(), operatorPolicy()]) expect(policyFault(policy)).toBeUndefined();
  expect(policyFault("{")).toMatch(/not JSON/);
  expect(policyFault("[]")).toBeDefined();
});

test.each<[number | undefined, string, boolean]>([
  [undefined, "–", false],
  [0, "Agrees with the server", false],
  [-999, "Agrees with the server", false],
  [3200, "3.2 s ahead", false],
  [-5000, "5.0 s behind", false],
  [6249, "6 s ahead", true],
  [-180_000, "3 min behind", true],
])("a clock that is %s ms ahead reads %s", (skewMs, text, wrong) => {
  expect(clockState(skewMs)).toEqual({ text, wrong });
});

test("hubs of equal name in other regions and accounts are told apart, and found again", () => {
  const place = { region: "us-east-1", account: "000000000000" };
  const arns = [
    hubArn("site", "us-east-1", "000000000000"),
    hubArn("site", "eu-west-1", "000000000000"),
    hubArn("site", "us-east-1", "111111111111"),
  ];
  expect(arns.map((arn) => hubLabel(arn, place))).toEqual(["site", "site (eu-west-1)", "site (us-east-1, 111111111111)"]);
  expect(arns.map((arn) => hubArnOf(hubKey(arn, place), place))).toEqual(arns);
  expect(hubKey(arns[0] ?? "", place)).toBe("site");
});
