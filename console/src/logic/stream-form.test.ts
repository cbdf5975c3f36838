import { expect, test } from "vitest";
import { checkStreamForm, EMPTY_STREAM_FORM, retentionForm, retentionHours, type StreamForm, tagChanges } from "./stream-form";

const form = (change: Partial<StreamForm>) => ({ ...EMPTY_STREAM_FORM, name: "gate", ...change });

test("a stream needs no more than a name", () => {
  expect(checkStreamForm(form({}))).toEqual({});
});

test.each<[Partial<StreamForm>, keyof StreamForm]>([
  [{ name: "" }, "name"],
  [{ name: "front door" }, "name"],
  [{ name: "x".repeat(257) }, "name"],
  [{ retention: "" }, "retention"],
  [{ retention: "-1" }, "retention"],
  [{ retention: "1.5" }, "retention"],
  [{ retention: "3651" }, "retention"],
  [{ retention: "87601", retentionUnit: "hours" }, "retention"],
  [{ mediaType: "h264" }, "mediaType"],
  [{ deviceName: "a b" }, "deviceName"],
])("%o is refused at %s", (change, field) => {
  expect(Object.keys(checkStreamForm(form(change)))).toEqual([field]);
});

test("retention is said in days where these are whole", () => {
  expect(retentionForm(48)).toEqual({ retention: "2", retentionUnit: "days" });
  expect(retentionForm(36)).toEqual({ retention: "36", retentionUnit: "hours" });
  expect(retentionForm(0)).toEqual({ retention: "0", retentionUnit: "hours" });
  for (const hours of [0, 1, 24, 36, 87_600]) expect(retentionHours(retentionForm(hours))).toBe(hours);
});

test("only the tags that differ are sent", () => {
  const before = { site: "north", floor: "2", old: "x" };
  const after = [
    { key: "site", value: "north" },
    { key: "floor", value: "3" },
    { key: "new", value: "" },
  ];
  expect(tagChanges(before, after)).toEqual({ set: { floor: "3", new: "" }, remove: ["old"] });
});
