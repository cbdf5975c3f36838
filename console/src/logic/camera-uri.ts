/** The address of a camera, put together from what people know of it. */

const SCHEMES = new Set(["rtsp", "rtsps", "rtspu", "file"]);

/** What is plainly wrong with a URI that a hub is to open. */
export function mediaUriFault(uri: string): string | undefined {
  if (uri === "") return "Give the camera's address.";
  const scheme = /^([a-z]+):\/\//i.exec(uri)?.[1]?.toLowerCase();
  if (!scheme || !SCHEMES.has(scheme)) {
    return "Begin with rtsp:// for a camera (rtsps:// over TLS, rtspu:// over UDP), file:// for a file or folder on the hub.";
  }
  if (scheme === "file") return uri.startsWith("file:///") ? undefined : "A file's address has three slashes: file:///path/on/the/hub.";
  try {
    const url = new URL(uri.replace(/^rtsp[su]?:/i, "http:"));
    return url.hostname ? undefined : "The camera's host is missing.";
  } catch {
    return "This is no address. Special characters of the password must be written with %, such as %40 for @.";
  }
}

export function secretNameFault(name: string): string | undefined {
  if (name === "") return "Give the secret a name.";
  return /^[A-Za-z0-9/_+=.@-]{1,512}$/.test(name) ? undefined : "Letters, digits, and / _ + = . @ - only.";
}
