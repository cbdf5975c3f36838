import { expect, test } from "vitest";
// What `vigie cameras add` is held to as well.
import cases from "./camera-cases.json";
import { camerasIn, cameraUri, checkCamera, EMPTY_CAMERA, nextName } from "./camera-form";

const { uris, faults, lists } = cases;
const fieldsOf = (found: ReturnType<typeof camerasIn>) => found.map(({ line, form }) => [line, form]);

test.each(uris)("$form.address is $uri", ({ form, uri }) => expect(cameraUri(form)).toBe(uri));

test.each(faults)("of $form.name at $form.address it is said: $fault", ({ form, taken, fault }) => {
  const { name, address } = checkCamera(form, taken);
  expect(name ?? address ?? null).toBe(fault);
});

test("what is wrong is said at its field", () => {
  expect(checkCamera(EMPTY_CAMERA, [])).toEqual({ name: "Give the camera a name.", address: "Give the camera's address." });
});

test("the next camera is called by the next number", () => {
  expect(["gate-1", "cam09", "cam99", "gate"].map(nextName)).toEqual(["gate-2", "cam10", "cam100", "gate"]);
});

test.each(lists)("a list is read: $text", ({ text, cameras }) => expect(fieldsOf(camerasIn(text))).toEqual(cameras));

test("whatever a file holds, reading it ends", () => {
  for (const text of ["", "\n\n", '"', 'a,"b', '"a"b,c\nd', ",,,\n", '"a\nb",c\nd,e', "\uFEFF"]) camerasIn(text);
  expect(camerasIn('"a\nb",c\nd,e').map(({ line }) => line)).toEqual([1, 3]);
});
