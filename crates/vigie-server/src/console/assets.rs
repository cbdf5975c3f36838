//! The files of the built console, as the build script found them. Empty when the console was not built.

use hyper::header::HeaderValue;

/// One file.
pub(super) struct Asset {
    /// Its path below `/console/`.
    pub name: &'static str,
    /// Of its content.
    pub hash: u64,
    pub plain: &'static [u8],
    /// The same, compressed, where that is shorter.
    pub brotli: Option<&'static [u8]>,
    pub gzip: Option<&'static [u8]>,
}

/// All of them.
pub(super) static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/console_assets.rs"));

impl Asset {
    /// Weak, because it stands for all codings.
    pub(super) fn etag(&self) -> String {
        format!("W/\"{:016x}\"", self.hash)
    }

    /// Whether the caller has it already (`if-none-match`).
    pub(super) fn matches(&self, if_none_match: Option<&HeaderValue>) -> bool {
        let known = if_none_match.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let etag = self.etag();
        known.split(',').map(str::trim).any(|one| one == "*" || one == etag)
    }

    pub(super) fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("html") => "text/html; charset=utf-8",
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("json") => "application/json",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("woff2") => "font/woff2",
            Some("woff") => "font/woff",
            Some("txt") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}
