import { expect, test } from "vitest";
import { mediaUriFault, secretNameFault } from "./camera-uri";

test.each(["rtsp://10.0.0.5/stream", "rtsp://user:p%40ss@cam.local:8554/a/b?x=1", "rtsps://cam/1", "rtspu://cam/1", "file:///var/video.mp4", "file:///var/videos"])(
  "%s is an address",
  (uri) => expect(mediaUriFault(uri)).toBeUndefined(),
);

test.each(["", "10.0.0.5", "http://camera/", "rtsp://", "rtspx://cam/1", "file://video.mp4", "rtsp://user:p@ss word@/x"])(
  "%s is none",
  (uri) => expect(mediaUriFault(uri)).toBeTypeOf("string"),
);

test("secrets have names as Secrets Manager takes them", () => {
  expect(secretNameFault("site/gate-camera")).toBeUndefined();
  expect(secretNameFault("gate camera")).toBeDefined();
});
