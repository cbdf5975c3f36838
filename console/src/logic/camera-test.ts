/** What came of the test of a camera, in words. */
import type { CameraTestStep, TestCameraOutput, TestedTrack } from "../api/operations";

const CODECS: Record<string, string> = {
  "V_MPEG4/ISO/AVC": "H.264",
  "V_MPEGH/ISO/HEVC": "H.265",
  A_AAC: "AAC",
  "A_MS/ACM": "G.711",
  A_OPUS: "Opus",
};

const STEPS: Record<CameraTestStep, string> = {
  READ_SECRET: "Secret read",
  CONNECT: "Connected",
  DESCRIBE: "Streams described",
  SETUP: "Tracks set up",
  KEY_FRAME: "First picture",
};

/** Such as "H.264, 1920 × 1080, 25 pictures a second". */
export function trackText(track: TestedTrack): string {
  const parts = [CODECS[track.CodecId] ?? track.CodecId];
  if (track.WidthPixels && track.HeightPixels) parts.push(`${track.WidthPixels} × ${track.HeightPixels}`);
  if (track.FrameRateMillihertz) parts.push(`${rounded(track.FrameRateMillihertz / 1000)} pictures a second`);
  if (track.SamplingFrequencyHertz) parts.push(`${rounded(track.SamplingFrequencyHertz / 1000)} kHz`);
  if (track.Channels) parts.push(track.Channels === 1 ? "mono" : `${track.Channels} channels`);
  return parts.join(", ");
}

/** The steps with how long each took; where it failed, the last one did not come to its end. */
export function stepTexts(test: TestCameraOutput): string[] {
  return test.Steps.map(({ Step, DurationInMilliseconds }, at) => {
    const failed = !test.Connected && at === test.Steps.length - 1;
    return `${STEPS[Step]}${failed ? ": failed" : ""} after ${DurationInMilliseconds} ms`;
  });
}

function rounded(number: number): string {
  return String(Math.round(number * 100) / 100);
}
