import { expect, test } from "vitest";
import { codecNames } from "./codecs";

test("codecs are called as people call them, once each", () => {
  expect(codecNames(["hvc1.1.6.L93.B0", "mp4a.40.2"])).toBe("H.265 and AAC");
  expect(codecNames(["avc1.640028", "avc3.640028"])).toBe("H.264");
  expect(codecNames(["Opus"])).toBe("Opus");
  expect(codecNames(["dvh1.08.07"])).toBe("dvh1.08.07");
});
