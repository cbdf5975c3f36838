import { expect, test } from "vitest";
import { isTriedAgain } from "./playing";

test.each([
  // Nobody answered, the server was busy, a download was cut off.
  ["Unreachable", true],
  ["ClientLimitExceededException", true],
  ["ServiceUnavailableException", true],
  ["ServiceUnavailable", true],
  ["InternalFailure", true],
  ["Interrupted", true],
  // The media is such, whoever asks again.
  ["UnsupportedStreamMediaTypeException", false],
  ["MissingCodecPrivateDataException", false],
  ["NoDataRetentionException", false],
  ["Codec", false],
  ["Playback", false],
  ["ResourceNotFoundException", false],
  ["NotAuthorizedException", false],
  ["AccessDeniedException", false],
  ["ExpiredToken", false],
])("recorded video that failed by %s is tried again: %s", (name, expected) => {
  expect(isTriedAgain({ name, message: "" }, false)).toBe(expected);
  expect(isTriedAgain({ name, message: "" }, true)).toBe(true);
});
