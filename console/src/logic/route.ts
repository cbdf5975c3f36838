/** The page that an address stands for, and back. Addresses live behind `#`, so that the server sees none of them. */
export type Route =
  | { page: "streams" }
  | { page: "welcome"; code: string; stream: string | undefined }
  | { page: "shared"; secret: string }
  | { page: "stream"; name: string; at: number | undefined }
  | { page: "edge"; name: string }
  | { page: "wall"; streams: string[] | undefined; at: number | undefined }
  | { page: "hubs" }
  | { page: "hub-wizard" }
  | { page: "add-camera" }
  | { page: "hub"; name: string }
  | { page: "keys" }
  | { page: "users" }
  | { page: "password" }
  | { page: "secrets" }
  | { page: "audit" }
  | { page: "metrics" }
  | { page: "nowhere" };

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [first = "", second, third] = path.split("/").map(decode);
  switch (first) {
    case "":
      return { page: "streams" };
    case "streams":
      if (second === undefined) return { page: "streams" };
      if (third === undefined) return { page: "stream", name: second, at: timeIn(query) };
      return third === "edge" ? { page: "edge", name: second } : { page: "nowhere" };
    case "wall":
      return second === undefined ? { page: "wall", streams: namesIn(query), at: timeIn(query) } : { page: "nowhere" };
    case "hubs":
      if (second === undefined) return { page: "hubs" };
      return { page: "hub", name: second };
    case "welcome":
      return second === undefined ? { page: "nowhere" } : { page: "welcome", code: second, stream: third };
    case "shared":
      return second === undefined || third !== undefined ? { page: "nowhere" } : { page: "shared", secret: second };
    case "add-hub":
      return { page: "hub-wizard" };
    case "add-camera":
    case "keys":
    case "users":
    case "password":
    case "secrets":
    case "audit":
    case "metrics":
      return second === undefined ? { page: first } : { page: "nowhere" };
    default:
      return { page: "nowhere" };
  }
}

export function hrefOf(route: Route): string {
  switch (route.page) {
    case "stream": {
      const at = route.at === undefined ? "" : `?at=${route.at}`;
      return `#/streams/${encodeURIComponent(route.name)}${at}`;
    }
    case "wall": {
      const parts = [
        ...(route.streams ? [`streams=${route.streams.map(encodeURIComponent).join(",")}`] : []),
        ...(route.at === undefined ? [] : [`at=${route.at}`]),
      ];
      return parts.length > 0 ? `#/wall?${parts.join("&")}` : "#/wall";
    }
    case "edge":
      return `#/streams/${encodeURIComponent(route.name)}/edge`;
    case "hub":
      return `#/hubs/${encodeURIComponent(route.name)}`;
    case "hub-wizard":
      return "#/add-hub";
    case "welcome":
      return `#/welcome/${encodeURIComponent(route.code)}${route.stream ? `/${encodeURIComponent(route.stream)}` : ""}`;
    case "shared":
      return `#/shared/${encodeURIComponent(route.secret)}`;
    case "nowhere":
      return "#/";
    default:
      return `#/${route.page}`;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Names have no comma (KVS API_CreateStream). */
function namesIn(query: string): string[] | undefined {
  const names = new URLSearchParams(query).get("streams");
  return names === null ? undefined : names.split(",").filter((name) => name !== "");
}

function timeIn(query: string): number | undefined {
  const at = Number(new URLSearchParams(query).get("at") ?? Number.NaN);
  return Number.isFinite(at) ? at : undefined;
}
