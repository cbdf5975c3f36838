//! What can go wrong with a recording, and the sentence that tells its owner what to do.
//!
//! Kinds, not texts: what a camera or a server wrote never reaches a status, so no secret can.

use std::time::Duration;

use vigie_rtsp::session::{End, Method};

use super::address::{CameraHost, ConnectCause, UriFault, unreachable};
use crate::backoff;
use crate::job_status::JobOutcome;

/// Between logins with a password that the camera refused, the longest; half of it is by chance. At most five fall into half
/// an hour, the fewest at which cameras were reported to lock an account.
const REFUSED_LOGIN_WAIT: Duration = Duration::from_secs(900);

/// A camera that is not ready so often in a row, over half a minute, is not just booting.
const NOT_READY_FAILURES: u32 = 20;

/// Why an attempt or a session failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Secrets Manager knows no such secret.
    SecretNotFound,
    /// The hub's access key may not read it.
    SecretAccessDenied,
    /// Secrets Manager did not answer, or not in time.
    SecretUnreachable,
    /// The secret's value is not a JSON object of texts.
    SecretUnreadable,
    /// The JSON object has no key `MediaURI`.
    SecretWithoutMediaUri,
    /// `MediaURI` is no URI, or not of the kind that `MediaUriType` says.
    BadUri(UriFault),
    /// `rtsps://`: the camera's certificate is not trusted.
    CertificateUntrusted,
    /// `rtsps://`: what answers does not speak TLS.
    TlsNotSpoken,
    /// `rtsps://`: connected to, and no answer to the first words of TLS, or the connection closed over them.
    TlsUnanswered,
    /// `rtsps://`: both speak TLS, and agree on nothing.
    TlsRefused,
    /// `rtsp://`: what answers speaks TLS.
    TlsWanted,
    /// RTSP 401 to the URI's user and password.
    WrongPassword,
    /// RTSP 401, and the URI has no user and password.
    LoginWanted,
    /// What answers does not speak RTSP.
    NotACamera,
    /// RTSP 404.
    PathNotFound,
    /// The camera's session could not be opened, or ended, for another reason.
    Camera(End),
    /// There is video, but of a codec that KVS does not take.
    UnsupportedCodec {
        /// The codec's name as the camera says it.
        codec: String,
    },
    /// The source has no video track.
    NoVideoTrack,
    /// `FILE_URI`: no such file or folder, or it may not be read.
    FileNotReadable,
    /// `FILE_URI`: neither MP4 nor Matroska, or without a whole frame.
    FileNotMedia,
    /// `FILE_URI`: the operator has named no folder that files may lie in.
    FileRootsNotSet,
    /// `FILE_URI`: the path leads out of those folders, whether there is anything or not.
    FileOutsideRoots,
    /// `FILE_URI`: a pipe, a socket or a device.
    FileNotRegular,
    /// `FILE_URI`: an MP4 without its index.
    FileWithoutIndex,
    /// `FILE_URI`: there is video, but of a codec that KVS does not take.
    FileCodecUnsupported {
        /// What people call the codec.
        codec: String,
    },
    /// `FILE_URI`: the video's frames are compressed or encrypted in a way that is not read.
    FileEncodingUnsupported {
        /// The way's name.
        name: String,
    },
    /// No connection to the camera.
    Unreachable { host: CameraHost, cause: ConnectCause },
    /// The camera was connected to and did not get as far as playing in time.
    NotOpened,
    /// Pictures come, and nothing that says how to decode them.
    NoParameterSets,
    /// No frame for [`super::STALL_AFTER`].
    Stalled,
    /// The camera ended the session.
    Ended,
    /// The session ended over a pause of the hub itself.
    HubPaused,
    /// The program itself failed over what this camera sent; other cameras are not touched.
    Internal,
    /// No space left on the hub's disk.
    DiskFull,
    /// The hub's disk failed otherwise.
    DiskError,
}

impl Failure {
    /// Whose turn it is.
    pub fn outcome(&self) -> JobOutcome {
        match self {
            Self::SecretNotFound
            | Self::SecretAccessDenied
            | Self::SecretUnreadable
            | Self::SecretWithoutMediaUri
            | Self::BadUri(_)
            | Self::CertificateUntrusted
            | Self::TlsNotSpoken
            | Self::TlsRefused
            | Self::TlsWanted
            | Self::WrongPassword
            | Self::LoginWanted
            | Self::NotACamera
            | Self::PathNotFound
            | Self::UnsupportedCodec { .. }
            | Self::NoVideoTrack
            | Self::FileNotReadable
            | Self::FileNotMedia
            | Self::FileRootsNotSet
            | Self::FileOutsideRoots
            | Self::FileNotRegular
            | Self::FileWithoutIndex
            | Self::FileCodecUnsupported { .. }
            | Self::FileEncodingUnsupported { .. } => JobOutcome::UserError,
            Self::Camera(end) => outcome_of(end),
            Self::Unreachable { host, .. } => match host.looks_split {
                true => JobOutcome::UserError,
                false => JobOutcome::SystemError,
            },
            Self::SecretUnreachable
            | Self::TlsUnanswered
            | Self::NotOpened
            | Self::NoParameterSets
            | Self::Stalled
            | Self::Ended
            | Self::HubPaused
            | Self::Internal
            | Self::DiskFull
            | Self::DiskError => JobOutcome::SystemError,
        }
    }

    /// Whether a secret that is readable and of the right form ends it.
    pub fn is_of_secret(&self) -> bool {
        matches!(
            self,
            Self::SecretNotFound
                | Self::SecretAccessDenied
                | Self::SecretUnreachable
                | Self::SecretUnreadable
                | Self::SecretWithoutMediaUri
                | Self::BadUri(_)
        )
    }

    /// `JobStatusDetails` of a recorder: what is wrong, what to do, and what the recorder does meanwhile.
    pub fn details(&self) -> String {
        let explanation = self.explanation();
        match self.goes_on() {
            None => explanation,
            Some(next) => format!("{explanation}; {next}"),
        }
    }

    /// What the recorder does meanwhile, where nobody but itself is asked to do anything, or others may be a while.
    fn goes_on(&self) -> Option<&'static str> {
        match self {
            Self::NotOpened | Self::TlsUnanswered | Self::Camera(_) => {
                (self.outcome() == JobOutcome::SystemError).then_some("trying again")
            }
            Self::Unreachable { host, .. } => (!host.looks_split).then_some("trying again"),
            Self::NoParameterSets
            | Self::Stalled
            | Self::Ended
            | Self::HubPaused
            | Self::Internal => Some("connecting again"),
            _ => None,
        }
    }

    /// What is wrong and what to do about it, for whoever tried it once.
    pub fn explanation(&self) -> String {
        let fixed = match self {
            Self::SecretNotFound => {
                "the secret of MediaUriSecretArn does not exist; create it, or correct the ARN in the edge configuration"
            }
            Self::SecretAccessDenied => {
                "the hub's access key may not read the secret of MediaUriSecretArn; allow it \
                 secretsmanager:GetSecretValue"
            }
            Self::SecretUnreachable => {
                "the camera's secret could not be read because Secrets Manager did not answer; check the hub's network \
                 and endpoint"
            }
            Self::SecretUnreadable => {
                "the secret of MediaUriSecretArn is not a JSON object; its value must look like \
                 {\"MediaURI\":\"rtsp://…\"}"
            }
            Self::SecretWithoutMediaUri => {
                "the secret of MediaUriSecretArn has no key MediaURI (case matters); its value must look like \
                 {\"MediaURI\":\"rtsp://…\"}"
            }
            Self::BadUri(fault) => fault.explanation(),
            Self::CertificateUntrusted => {
                "the camera's certificate is not trusted; give the certificate, or that of its CA, to the agent with \
                 --camera-ca, and check the host in the secret's MediaURI and the clocks of hub and camera"
            }
            Self::TlsNotSpoken => {
                "what answers at the host and port of the secret's MediaURI does not speak TLS; write rtsp:// for a camera \
                 without TLS, or correct the port"
            }
            Self::TlsUnanswered => {
                "the camera was connected to and did not answer in TLS; if its port is one without TLS, write rtsp:// or \
                 correct the port, and otherwise check its load and its network"
            }
            Self::TlsRefused => {
                "the camera and the agent agree on no version or cipher of TLS; update the camera's firmware, or have it \
                 offer TLS 1.2 or 1.3"
            }
            Self::TlsWanted => {
                "what answers at the host and port of the secret's MediaURI speaks TLS; write rtsps://, or correct the port"
            }
            Self::WrongPassword => {
                "the camera refuses the user name or password in the secret's MediaURI; correct the secret, or the \
                 account on the camera"
            }
            Self::LoginWanted => {
                "the camera asks for a user name and password, and the secret's MediaURI has none; write \
                 rtsp://USER:PASSWORD@HOST/…"
            }
            Self::NotACamera => {
                "what answers at the host and port of the secret's MediaURI does not speak RTSP; correct the host and \
                 port"
            }
            Self::PathNotFound => {
                "the camera has no stream at the path of the secret's MediaURI; correct the path"
            }
            Self::NoVideoTrack => {
                "the source has no video track; choose a stream with H.264 or H.265 video"
            }
            Self::FileNotReadable => {
                "the file or folder of the secret's MediaURI is not there or may not be read; correct the path or its \
                 permissions"
            }
            Self::FileNotMedia => {
                "the file of the secret's MediaURI is no MP4 or Matroska file, or breaks off before its first whole \
                 frame; replace it"
            }
            Self::FileRootsNotSet => {
                "this hub records no files, because its agent was started without --file-root; start it with \
                 --file-root FOLDER, and FILE_URI may name what lies under that folder"
            }
            Self::FileOutsideRoots => {
                "the file or folder of the secret's MediaURI is not under a folder of the agent's --file-root; move it \
                 there, correct the path, or start the agent with its folder as one more --file-root"
            }
            Self::FileNotRegular => {
                "the secret's MediaURI names a pipe, a socket or a device; name a file or a folder"
            }
            Self::FileWithoutIndex => {
                "the file of the secret's MediaURI has no index (moov), because its recording was never finished, and \
                 none of its frames can be found; repair it, or replace it"
            }
            Self::Unreachable { host, cause } => return unreachable(host, *cause),
            Self::NotOpened => {
                "the camera was connected to and sent no video within 20 s; check its load and its network"
            }
            Self::NoParameterSets => {
                "the camera sends pictures without parameter sets (SPS and PPS, of H.265 VPS as well) that can be read, so \
                 that they cannot be decoded; restart it, or update its firmware"
            }
            Self::Stalled => "the camera stopped sending frames for 10 s",
            Self::Ended => "the camera ended the session",
            Self::HubPaused => {
                "the hub itself stood still for a while and the camera's session ended over it"
            }
            Self::Internal => {
                "the agent failed over what the camera sent; please report what the agent's log says"
            }
            Self::DiskFull => {
                "the hub's disk is full; free space on it, or lower MaxLocalMediaSizeInMB or EdgeRetentionInHours"
            }
            Self::DiskError => {
                "the hub's disk could not be written; check the disk and the agent's log"
            }
            Self::Camera(end) => return format!("{end}; {}", advice(end)),
            Self::UnsupportedCodec { codec } => {
                return format!(
                    "the camera's video codec {} is not supported; set the camera to H.264 or H.265",
                    plain(codec)
                );
            }
            Self::FileCodecUnsupported { codec } => {
                return format!(
                    "the file's video codec {} is not supported; replace it by a file with H.264 or H.265 video",
                    plain(codec)
                );
            }
            Self::FileEncodingUnsupported { name } => {
                return format!(
                    "the file is whole, but {name} of its video track is not supported; write it anew without that"
                );
            }
        };
        fixed.to_owned()
    }

    /// The first wait behind a failure of this kind; the next are twice as long each, up to [`Failure::longest_wait`].
    pub(super) fn first_wait(&self) -> Duration {
        if *self == Self::WrongPassword { REFUSED_LOGIN_WAIT } else { backoff::FIRST }
    }

    /// The longest wait between attempts. A camera that is off or rebooting costs one packet an attempt, so it is tried
    /// every second and recording is back within two seconds of its return, and so is one that says it is not ready;
    /// one that answers and refuses is left alone for longer. `failures`: those of this kind in a row before it.
    pub(super) fn longest_wait(&self, failures: u32) -> Duration {
        match self {
            Self::Unreachable { cause: ConnectCause::UnknownHost, .. } => Duration::from_secs(5),
            Self::Unreachable { .. }
            | Self::NotOpened
            | Self::Stalled
            | Self::Ended
            | Self::HubPaused => Duration::from_secs(1),
            Self::TlsUnanswered
            | Self::Camera(
                End::Refused { status: 500.., .. }
                | End::ClosedByCamera { .. }
                | End::NoAnswer { .. },
            ) if failures < NOT_READY_FAILURES => Duration::from_secs(2),
            Self::TlsUnanswered
            | Self::Camera(
                End::Refused { status: 500.., .. }
                | End::ClosedByCamera { .. }
                | End::NoAnswer { .. },
            ) => Duration::from_secs(30),
            Self::WrongPassword => REFUSED_LOGIN_WAIT,
            _ => Duration::from_secs(60),
        }
    }

    /// Whether it lies in what a source file holds: as long as the file is the same, reading it again mends nothing.
    pub fn is_of_file_content(&self) -> bool {
        matches!(
            self,
            Self::FileNotMedia
                | Self::FileWithoutIndex
                | Self::FileCodecUnsupported { .. }
                | Self::FileEncodingUnsupported { .. }
                | Self::NoVideoTrack
        )
    }

    /// Whether another user or password may mend it: another secret ends the wait.
    pub fn is_of_login(&self) -> bool {
        matches!(self, Self::WrongPassword | Self::LoginWanted)
    }

    /// Whether a session that was open can end in this way because the hub itself stood still.
    pub(super) fn may_come_of_a_pause(&self) -> bool {
        matches!(self, Self::Ended | Self::Stalled | Self::NotOpened | Self::Camera(_))
    }
}

impl From<End> for Failure {
    fn from(end: End) -> Self {
        match end {
            End::WrongPassword => Self::WrongPassword,
            End::LoginWanted { .. } => Self::LoginWanted,
            End::NotRtsp { .. } => Self::NotACamera,
            End::SpeaksTls { .. } => Self::TlsWanted,
            End::NoVideo => Self::NoVideoTrack,
            End::UnsupportedCodec { codec } => Self::UnsupportedCodec { codec },
            End::Refused { status: 404 | 410, .. } => Self::PathNotFound,
            End::Closed | End::EndedByCamera | End::SentAway => Self::Ended,
            end => Self::Camera(end),
        }
    }
}

fn outcome_of(end: &End) -> JobOutcome {
    match end {
        End::AuthenticationUnsupported { .. }
        | End::Forbidden { .. }
        | End::TooManyRedirects
        | End::UnreadableRedirect { .. }
        | End::UnusableTransport { .. }
        | End::UnusableControl { .. }
        | End::NoVideoAmongFirst { .. } => JobOutcome::UserError,
        _ => JobOutcome::SystemError,
    }
}

/// What to do about the end of a camera's session, behind the sentence that says it.
fn advice(end: &End) -> &'static str {
    match end {
        End::AuthenticationUnsupported { .. } => {
            "set the camera to Digest authentication with MD5 or SHA-256, or to Basic"
        }
        End::Forbidden { .. } => "allow this user to view the stream on the camera",
        End::Refused { status: 461, .. } | End::UnusableTransport { .. } => {
            "set the camera to unicast RTP over RTSP (TCP) or UDP"
        }
        End::Refused { .. } => "check whether it allows one more viewer, or restart it",
        End::ClosedByCamera { request: Method::Options, .. } => {
            "check whether it allows one more viewer, and whether its port wants TLS (an rtsps:// URI)"
        }
        End::ClosedByCamera { .. } => "check whether it allows one more viewer",
        End::NoAnswer { .. } => "check the camera's load and its network",
        End::NoVideoAmongFirst { .. } => "choose a path of the camera with fewer media",
        End::TooManyRedirects | End::UnreadableRedirect { .. } => {
            "write the address where the camera's stream is into the secret's MediaURI"
        }
        End::NoUdpPorts => "free ports, or have the camera send over TCP (an rtsp:// URI)",
        _ => "if it goes on, update the camera's firmware",
    }
}

/// Of a name that comes from a source, only its first plain characters are repeated.
pub(super) fn plain(name: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    name.chars().take_while(is_plain).take(24).collect()
}

/// Why no new media may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceDenial {
    /// `MaxLocalMediaSizeInMB` is reached and the policy is `DENY_NEW_MEDIA`, or nothing is left to delete.
    LocalSizeReached,
    /// The disk has less free space than is kept in reserve, and nothing is left to delete.
    DiskReserveReached,
}

impl SpaceDenial {
    pub(super) fn outcome(self) -> JobOutcome {
        match self {
            Self::LocalSizeReached => JobOutcome::UserError,
            Self::DiskReserveReached => JobOutcome::SystemError,
        }
    }

    pub(super) fn details(self) -> &'static str {
        match self {
            Self::LocalSizeReached => {
                "paused: the local media of this stream has reached MaxLocalMediaSizeInMB; recording resumes when media \
                 is deleted by age or after upload, or at once with a greater limit"
            }
            Self::DiskReserveReached => {
                "paused: the hub's disk has no more space than is kept in reserve; free space on it, or lower \
                 MaxLocalMediaSizeInMB or EdgeRetentionInHours of its streams"
            }
        }
    }
}
