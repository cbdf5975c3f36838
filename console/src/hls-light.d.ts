/** The build without subtitles, other languages and DRM, of which no stream has any. Its package types the whole alone. */
declare module "hls.js/light" {
  export * from "hls.js";
  export { default } from "hls.js";
}
