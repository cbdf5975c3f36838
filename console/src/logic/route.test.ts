import { expect, test } from "vitest";
import { hrefOf, parseRoute, type Route } from "./route";

test.each<[Route, string]>([
  [{ page: "streams" }, "#/streams"],
  [{ page: "stream", name: "gate", at: undefined }, "#/streams/gate"],
  [{ page: "stream", name: "a.b-c_d", at: 1795358107000 }, "#/streams/a.b-c_d?at=1795358107000"],
  [{ page: "edge", name: "gate" }, "#/streams/gate/edge"],
  [{ page: "hub", name: "hub/1" }, "#/hubs/hub%2F1"],
  [{ page: "hub-wizard" }, "#/add-hub"],
  [{ page: "audit" }, "#/audit"],
  [{ page: "add-camera" }, "#/add-camera"],
  [{ page: "wall", streams: undefined, at: undefined }, "#/wall"],
  [{ page: "wall", streams: ["gate", "a.b-c_d"], at: undefined }, "#/wall?streams=gate,a.b-c_d"],
  [{ page: "wall", streams: ["gate"], at: 1795358107000 }, "#/wall?streams=gate&at=1795358107000"],
  [{ page: "welcome", code: "a-b_c", stream: "demo" }, "#/welcome/a-b_c/demo"],
  [{ page: "welcome", code: "a", stream: undefined }, "#/welcome/a"],
  [{ page: "shared", secret: "a-b_c" }, "#/shared/a-b_c"],
])("a page has one address: %o", (route, href) => {
  expect(hrefOf(route)).toBe(href);
  expect(parseRoute(href)).toEqual(route);
});

test.each<[string, Route["page"]]>([
  ["", "streams"],
  ["#/", "streams"],
  ["#/nothing", "nowhere"],
  ["#/streams/gate/nothing", "nowhere"],
  ["#/keys/more", "nowhere"],
  ["#/shared", "nowhere"],
  ["#/shared/a/b", "nowhere"],
  ["#/streams/%E0%A4%A", "stream"],
])("what is no address leads nowhere, quietly: %s", (hash, page) => {
  expect(parseRoute(hash).page).toBe(page);
});
