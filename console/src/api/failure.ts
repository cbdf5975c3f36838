/** What went wrong with a call, in words for a person. */
export interface Failure {
  /** The exception's name, such as `ResourceNotFoundException`. */
  name: string;
  message: string;
}

/** Exceptions after which the session is of no more use. */
const SESSION_OVER = new Set([
  "ExpiredToken",
  "ExpiredTokenException",
  "UnrecognizedClientException",
  "InvalidClientTokenId",
]);

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  if (error.name === "TypeError" && /fetch|network/i.test(error.message)) {
    return { name: "Unreachable", message: "The server cannot be reached. Is it running?" };
  }
  const message = error.message || (error as { Message?: string }).Message || error.name;
  return { name: error.name, message };
}

export function isSessionOver(failure: Failure): boolean {
  return SESSION_OVER.has(failure.name);
}

/** Nobody answered. */
export function isUnreachable(failure: Failure): boolean {
  return failure.name === "Unreachable";
}

export function isDenied(failure: Failure): boolean {
  return failure.name === "AccessDeniedException" || failure.name === "NotAuthorizedException";
}
