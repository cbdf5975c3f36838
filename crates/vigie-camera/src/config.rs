//! What a caller chooses about a simulated camera.

use std::fmt;
use std::net::SocketAddr;

use crate::Media;

/// The user name and the password that clients must know.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Which challenges a client without valid credentials is given, and which answers are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthScheme {
    /// Basic (RFC 7617).
    Basic,
    /// Digest with MD5 and `qop="auth"` offered; an answer without `qop` is taken too (RFC 2617 §3.2.2).
    #[default]
    Digest,
    /// Digest with MD5 and no `qop` offered (RFC 2069), as most cameras do.
    DigestWithoutQop,
    /// Digest (with `qop`) and Basic, the client chooses.
    Both,
}

/// A simulated camera.
#[derive(Clone, Debug)]
pub struct CameraConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How many mounts: `/cam0` to `/cam{mounts - 1}`; at least 1.
    pub mounts: usize,
    /// What every mount loops.
    pub media: Media,
    /// Who may watch; everybody when absent.
    pub credentials: Option<Credentials>,
    /// How they prove it.
    pub auth: AuthScheme,
    /// Refuses media over the RTSP connection (461 Unsupported Transport), as some cameras do.
    pub udp_only: bool,
    /// Over UDP, one packet of so many is lost on its way; 0 loses none.
    pub lose_every: u32,
    /// Over UDP, one packet of so many is overtaken by the next; 0 none.
    pub delay_every: u32,
    /// RTP time at which each client's tracks begin, as near to its end as a test wants; by chance when absent.
    pub rtp_time_start: Option<u32>,
}

impl CameraConfig {
    /// One mount, open to everybody.
    pub fn new(listen: SocketAddr, media: Media) -> Self {
        Self {
            listen,
            mounts: 1,
            media,
            credentials: None,
            auth: AuthScheme::default(),
            udp_only: false,
            lose_every: 0,
            delay_every: 0,
            rtp_time_start: None,
        }
    }
}
