/** A camera as people know it: a name, an address, a user, a password. What becomes of it for the API. */
import { mediaUriFault } from "./camera-uri";

export interface CameraForm {
  /** Of the stream, too. */
  name: string;
  /** `192.168.1.20`, `192.168.1.20:554/stream1`, or all of an rtsp:// address. */
  address: string;
  user: string;
  password: string;
}

export type CameraErrors = Partial<Record<keyof CameraForm, string>>;

export const EMPTY_CAMERA: CameraForm = { name: "", address: "", user: "", password: "" };

interface Parts {
  scheme: string;
  user: string;
  password: string;
  /** Host, port, path and query. */
  rest: string;
}

/** Host and port, and the path or nothing behind them. */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d+)?(?:[/?]|$)/i;
/** What begins so names its host already: an `@` behind it is the path's. */
const DOTTED_HOST = /^[\w-]+(?:\.[\w-]+)+(?::\d+)?\//;

/** A password may hold what has a meaning in addresses: the host begins behind the last `@` that a host follows. */
function partsOf(address: string): Parts {
  const [, scheme = "rtsp", behind = ""] = /^(?:([a-z][a-z\d+.-]*):\/\/)?(.*)$/is.exec(address.trim()) ?? [];
  const path = behind.split("?")[0] ?? "";
  let at = DOTTED_HOST.test(path) ? -1 : path.lastIndexOf("@");
  while (at > 0 && !HOST.test(behind.slice(at + 1))) at = path.lastIndexOf("@", at - 1);
  if (at < 0) return { scheme: scheme.toLowerCase(), user: "", password: "", rest: behind };
  const [, user = "", password = ""] = /^([^:]*):?(.*)$/s.exec(behind.slice(0, at)) ?? [];
  return { scheme: scheme.toLowerCase(), user: decoded(user), password: decoded(password), rest: behind.slice(at + 1) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address that a hub opens, with user and password written as addresses have them. */
export function cameraUri({ address, user, password }: CameraForm): string {
  const parts = partsOf(address);
  const login = user !== "" || password !== "" ? { user, password } : parts;
  const written = login.user === "" && login.password === "" ? "" : `${escaped(login.user)}:${escaped(login.password)}@`;
  return `${parts.scheme}://${written}${parts.rest}`;
}

/** Also what stands for something in places where addresses are typed again. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** `taken`: names of streams that there are. */
export function checkCamera(form: CameraForm, taken: readonly string[]): CameraErrors {
  const errors: CameraErrors = {};
  if (form.name === "") errors.name = "Give the camera a name.";
  else if (!/^[a-zA-Z0-9_.-]{1,256}$/.test(form.name)) errors.name = "Letters, digits, and _ . - only; 256 at most.";
  else if (taken.includes(form.name)) errors.name = "There is a stream of this name.";
  const parts = partsOf(form.address);
  if (form.address.trim() === "") errors.address = "Give the camera's address.";
  else if (!["rtsp", "rtsps", "rtspu"].includes(parts.scheme)) {
    errors.address = "rtsp:// for a camera, rtsps:// over TLS, rtspu:// over UDP, or the address alone.";
  } else {
    const fault = HOST.test(parts.rest) ? mediaUriFault(cameraUri(form)) : "The camera's host is missing.";
    if (fault || /\s/.test(parts.rest)) errors.address = fault ?? "An address has no spaces.";
  }
  return errors;
}

/** The name of the next camera: `gate-2` behind `gate-1`, `cam10` behind `cam09`; the same where it has no number. */
export function nextName(name: string): string {
  return name.replace(/\d+$/, (number) => String(Number(number) + 1).padStart(number.length, "0"));
}

/** A line of a list of cameras. */
export interface CameraLine {
  /** From 1 on, as it stands in the file. */
  line: number;
  form: CameraForm;
}

const COLUMNS: (keyof CameraForm)[] = ["name", "address", "user", "password"];

/** A list of cameras, comma-separated (RFC 4180): name, address, user, password, in the order of its header if it has one. */
export function camerasIn(text: string): CameraLine[] {
  const records = recordsIn(text).filter(({ fields }) => fields.some((field) => field.trim() !== ""));
  const header = records[0]?.fields.map((field) => field.trim().toLowerCase()) ?? [];
  const hasHeader = header.includes("name") && header.includes("address");
  const columns = hasHeader ? header : COLUMNS;
  return records.slice(hasHeader ? 1 : 0).map(({ line, fields }) => {
    const of = (column: keyof CameraForm) => fields[columns.indexOf(column)] ?? "";
    return { line, form: { name: of("name").trim(), address: of("address").trim(), user: of("user"), password: of("password") } };
  });
}

function recordsIn(text: string): { line: number; fields: string[] }[] {
  const records: { line: number; fields: string[] }[] = [];
  let fields: string[] = [];
  let line = 1;
  let begun = 1;
  // A field in quotes or without, and what ends it. A table program of some countries separates by semicolons.
  const separator = /^[^\n",]*;/.test(text) ? ";" : ",";
  const field = new RegExp(`(?:"((?:[^"]|"")*)"|([^${separator}\\r\\n]*))(${separator}|\\r?\\n|$)`, "y");
  const input = text.replace(/^\uFEFF/, "");
  while (field.lastIndex < input.length) {
    const found = field.exec(input);
    // A quote that does not end: the rest is one field.
    if (!found) {
      fields.push(input.slice(records.length > 0 ? input.lastIndexOf("\n") + 1 : 0));
      break;
    }
    const [whole, quoted, plain = "", end] = found;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += whole.split("\n").length - 1;
    if (end === separator) continue;
    records.push({ line: begun, fields });
    fields = [];
    begun = line;
  }
  if (fields.length > 0) records.push({ line: begun, fields });
  return records;
}
