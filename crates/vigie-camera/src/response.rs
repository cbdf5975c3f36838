//! RTSP responses as bytes.
//!
//! Own writing instead of rtsp-types': that one joins equal headers in one line, and few clients read two challenges
//! (`WWW-Authenticate`) there.

use rtsp_types::StatusCode;

/// A response without its CSeq, which belongs to the request.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Response {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn ok() -> Self {
        Self::new(StatusCode::Ok)
    }

    /// Adds a header line. `value` is ours or a client's URI, in which the URL parser left no control characters.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, content_type: &'static str, body: String) -> Self {
        self.body = body;
        self.header("Content-Type", content_type)
    }

    pub(crate) fn to_bytes(&self, cseq: Option<u32>) -> Vec<u8> {
        let code = u16::from(self.status);
        let reason = match self.status {
            StatusCode::Ok => "OK".to_owned(),
            status => status.to_string(),
        };
        let mut text = format!("RTSP/1.0 {code} {reason}\r\n");
        let mut line = |name: &str, value: &str| {
            text.extend([name, ": ", value, "\r\n"]);
        };
        if let Some(cseq) = cseq {
            line("CSeq", &cseq.to_string());
        }
        line("Server", concat!("Vigie camera/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &self.headers {
            line(name, value);
        }
        if !self.body.is_empty() {
            line("Content-Length", &self.body.len().to_string());
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        text.into_bytes()
    }
}
