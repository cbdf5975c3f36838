import { expect, test } from "vitest";
import { camerasIn, cameraUri, checkCamera, EMPTY_CAMERA, nextName } from "./camera-form";

const form = (address: string, user = "", password = "") => ({ ...EMPTY_CAMERA, name: "gate", address, user, password });

test.each([
  [form("192.168.1.20"), "rtsp://192.168.1.20"],
  [form(" 192.168.1.20:554/stream1 "), "rtsp://192.168.1.20:554/stream1"],
  [form("192.168.1.20/Streaming/Channels/101", "admin", "p@ss/w0rd"), "rtsp://admin:p%40ss%2Fw0rd@192.168.1.20/Streaming/Channels/101"],
  [form("RTSPS://cam.example/live", "admin", "a:b%c"), "rtsps://admin:a%3Ab%25c@cam.example/live"],
  // What was pasted with its password, written as people write it.
  [form("rtsp://admin:p@ss/w0rd@192.168.1.20:8554/a?b=c@d"), "rtsp://admin:p%40ss%2Fw0rd@192.168.1.20:8554/a?b=c@d"],
  [form("rtsp://admin:p%40ss@192.168.1.20/"), "rtsp://admin:p%40ss@192.168.1.20/"],
  [form("rtsp://admin:100%@192.168.1.20/"), "rtsp://admin:100%25@192.168.1.20/"],
  [form("192.168.1.20:554/user@site/1"), "rtsp://192.168.1.20:554/user@site/1"],
  [form("rtsp://old:login@cam/1", "new", "one"), "rtsp://new:one@cam/1"],
  [form("[fe80::1]:554/1", "a", ""), "rtsp://a:@[fe80::1]:554/1"],
])("%o is %s", (given, uri) => expect(cameraUri(given)).toBe(uri));

test("what is plainly wrong is said at its field", () => {
  expect(checkCamera(EMPTY_CAMERA, [])).toEqual({ name: "Give the camera a name.", address: "Give the camera's address." });
  expect(checkCamera({ ...form("192.168.1.20"), name: "front door" }, []).name).toMatch(/^Letters/);
  expect(checkCamera(form("192.168.1.20"), ["gate"]).name).toBe("There is a stream of this name.");
  expect(checkCamera(form("http://192.168.1.20"), []).address).toMatch(/^rtsp:/);
  expect(checkCamera(form("192.168.1.20 /live"), []).address).toBeDefined();
  expect(checkCamera(form("rtsp:///live"), []).address).toBe("The camera's host is missing.");
  expect(checkCamera(form("192.168.1.20", "admin", "p@ss/w0rd"), [])).toEqual({});
});

test("the next camera is called by the next number", () => {
  expect(["gate-1", "cam09", "cam99", "gate"].map(nextName)).toEqual(["gate-2", "cam10", "cam100", "gate"]);
});

test("a list has a line for each camera, with quotes where commas are", () => {
  expect(camerasIn('gate,192.168.1.20,admin,"a,""b"""\r\n\r\nyard,192.168.1.21/live\n')).toEqual([
    { line: 1, form: { name: "gate", address: "192.168.1.20", user: "admin", password: 'a,"b"' } },
    { line: 3, form: { name: "yard", address: "192.168.1.21/live", user: "", password: "" } },
  ]);
});

test("a header gives the order, semicolons separate too, and a byte order mark is none of the name", () => {
  expect(camerasIn("\uFEFFAddress;Name;Password;User\n10.0.0.1;gate;secret;admin")).toEqual([
    { line: 2, form: { name: "gate", address: "10.0.0.1", user: "admin", password: "secret" } },
  ]);
});

test("whatever a file holds, reading it ends", () => {
  for (const text of ["", "\n\n", '"', 'a,"b', '"a"b,c\nd', ",,,\n", '"a\nb",c\nd,e', "\uFEFF"]) camerasIn(text);
  expect(camerasIn('"a\nb",c\nd,e').map(({ line }) => line)).toEqual([1, 3]);
});
