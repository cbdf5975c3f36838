//! What a session is told when it begins.

use std::fmt;

use url::Url;

use super::auth::Login;

/// How media is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportChoice {
    /// Interleaved on the control connection.
    Tcp,
    /// As datagrams.
    Udp,
    /// Interleaved, and as datagrams when the camera refuses that.
    TcpThenUdp,
}

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The session description alone; no media is set up.
    Describe,
    /// Media: the video, and with it what is said here.
    Record {
        sound: bool,
        /// `m=application`.
        metadata: bool,
    },
}

/// What a session needs to know.
#[derive(Clone)]
pub struct RtspSessionSettings {
    /// The camera's address, `rtsp` or `rtsps` (the control connection is to be TLS). User information in it is not used
    /// and never sent.
    pub uri: Url,
    pub login: Option<Login>,
    /// How media is asked for.
    pub transport: TransportChoice,
    /// The `User-Agent` header; none when empty.
    pub user_agent: String,
    /// Random bytes: client nonces and our SSRC are made of them.
    pub seed: [u8; 16],
    /// What the session is for.
    pub wanted: Wanted,
}

impl fmt::Debug for RtspSessionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses of cameras hold secrets in paths and queries as well.
        f.debug_struct("RtspSessionSettings")
            .field("transport", &self.transport)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}
