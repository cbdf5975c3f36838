import { expect, test } from "vitest";
import type { TestCameraOutput, TestedTrack, TimedStep } from "../api/operations";
import { stepTexts, trackText } from "./camera-test";

test("tracks are said in the words of cameras", () => {
  const video: TestedTrack = {
    TrackType: "VIDEO",
    CodecId: "V_MPEG4/ISO/AVC",
    WidthPixels: 1920,
    HeightPixels: 1080,
    FrameRateMillihertz: 12_500,
  };
  expect(trackText(video)).toBe("H.264, 1920 × 1080, 12.5 pictures a second");
  expect(trackText({ TrackType: "AUDIO", CodecId: "A_AAC", SamplingFrequencyHertz: 44_100, Channels: 2 })).toBe(
    "AAC, 44.1 kHz, 2 channels",
  );
  expect(trackText({ TrackType: "VIDEO", CodecId: "V_NEW" })).toBe("V_NEW");
});

test("the last step of a test that failed is where it failed", () => {
  const steps: TimedStep[] = [
    { Step: "READ_SECRET", DurationInMilliseconds: 3 },
    { Step: "DESCRIBE", DurationInMilliseconds: 40 },
  ];
  const failed: TestCameraOutput = {
    Connected: false,
    JobStatus: "USER_ERROR",
    JobStatusDetails: "",
    Steps: steps,
    Tracks: [],
  };
  expect(stepTexts(failed)).toEqual(["Secret read after 3 ms", "Streams described: failed after 40 ms"]);
  expect(stepTexts({ ...failed, Connected: true })[1]).toBe("Streams described after 40 ms");
});
