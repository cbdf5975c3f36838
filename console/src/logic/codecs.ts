/** Codecs as people call them, from what a playlist says of them (RFC 6381). */

const NAMES: [RegExp, string][] = [
  [/^avc[13]\b/, "H.264"],
  [/^(?:hvc1|hev1)\b/, "H.265"],
  [/^mp4a\.40\b/, "AAC"],
  [/^opus$/i, "Opus"],
  [/^flac$/i, "FLAC"],
];

export function codecName(codec: string): string {
  return NAMES.find(([pattern]) => pattern.test(codec))?.[1] ?? codec;
}

/** `H.265 and AAC`, of a list as it stands in a playlist. */
export function codecNames(codecs: string[]): string {
  return [...new Set(codecs.map(codecName))].join(" and ");
}
