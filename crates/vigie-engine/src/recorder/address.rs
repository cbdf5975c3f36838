//! What can be wrong with a camera's address before anybody speaks RTSP there, and the sentences that say so.
//!
//! Of an address nothing is repeated but the host's name, and not even that where it may be a part of the login.

/// Why a connection to a camera could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectCause {
    /// The host's name has no address.
    UnknownHost,
    /// The host is there, and nothing listens on the port.
    Refused,
    /// Nothing answered in time.
    NoAnswer,
    /// There is no way to the host's network.
    NoRoute,
    /// Anything else: reset at once, out of sockets.
    Other,
}

/// Where a camera was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CameraHost {
    /// The host of the camera's address. Nothing else of the address is repeated: the port as well may be a part of a
    /// password that was written with a slash in it.
    pub name: String,
    /// The address has an `@` behind its host: a part of the password may have been taken for the host.
    pub looks_split: bool,
}

/// What of a `MediaURI` is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriFault {
    /// It is empty, no URI, or not of the kind that `MediaUriType` says.
    Kind,
    /// Behind its host comes an `@`: a part of the password was taken for the host.
    LooksSplit,
    /// What stands behind the host's colon is no port.
    Port,
    /// It has no host, or one that is no name.
    Host,
}

impl UriFault {
    pub(super) const fn explanation(self) -> &'static str {
        match self {
            Self::Kind => {
                "the secret's MediaURI does not fit MediaUriType; write rtsp://, rtsps:// or rtspu:// for \
                 RTSP_URI and file:/// for FILE_URI, with special characters in user and password percent-encoded"
            }
            Self::LooksSplit => {
                "the secret's MediaURI has an @ behind its host: if the user name or password has a /, ? or # in it, \
                 percent-encode it (%2F, %3F, %23)"
            }
            Self::Port => {
                "the port in the secret's MediaURI is no number from 1 to 65535; correct it, and if it belongs to the \
                 password, percent-encode the password's special characters"
            }
            Self::Host => {
                "the secret's MediaURI has no host that can be a name or an address; write rtsp://HOST/… with the name \
                 or the address of the camera"
            }
        }
    }
}

/// No connection to the host was made.
pub(super) fn unreachable(host: &CameraHost, cause: ConnectCause) -> String {
    if host.looks_split {
        return "no camera answers at the host of the secret's MediaURI, which has an @ behind its host: if the \
                password has a /, ? or # in it, percent-encode it (%2F, %3F, %23)"
            .to_owned();
    }
    // Names come from the secret: only what a host's name consists of is repeated.
    let is_plain = |c: &char| c.is_alphanumeric() || "-._:[]".contains(*c);
    let name: String = host.name.chars().filter(is_plain).take(253).collect();
    match cause {
        ConnectCause::UnknownHost => format!(
            "the camera's host {name} is not known to the hub's name service; correct the secret's MediaURI or the hub's \
             DNS"
        ),
        ConnectCause::Refused => format!(
            "the camera at {name} refuses connections; check that it serves RTSP on the port of the secret's MediaURI"
        ),
        ConnectCause::NoAnswer => format!(
            "the camera at {name} does not answer; check its power, its network and the host in the secret's MediaURI"
        ),
        ConnectCause::NoRoute => format!(
            "the hub has no way to the camera at {name}; check the camera's power and the hub's network"
        ),
        ConnectCause::Other => {
            format!("the camera at {name} cannot be connected to; the agent's log says why")
        }
    }
}
