//! What can go wrong with a recording, and the sentence that tells its owner what to do.
//!
//! Kinds, not texts: what a camera or a server wrote never reaches a status, so no secret can.

use std::time::Duration;

use crate::job_status::JobOutcome;

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
    BadUri,
    /// `rtsps://`: the camera's certificate is not trusted.
    CertificateUntrusted,
    /// RTSP 401 with the URI's user and password, or without any.
    WrongPassword,
    /// What answers does not speak RTSP.
    NotACamera,
    /// RTSP 404.
    PathNotFound,
    /// Another RTSP error status.
    CameraRefused {
        /// The status code.
        status: u16,
    },
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
    /// Refused, unreachable, timed out.
    Unreachable,
    /// No frame for [`super::STALL_AFTER`].
    Stalled,
    /// The camera ended the session.
    Ended,
    /// The session ended over a pause of the hub itself.
    HubPaused,
    /// The camera broke RTSP or RTP.
    ProtocolError,
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
            | Self::BadUri
            | Self::CertificateUntrusted
            | Self::WrongPassword
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
            Self::SecretUnreachable
            | Self::CameraRefused { .. }
            | Self::Unreachable
            | Self::Stalled
            | Self::Ended
            | Self::HubPaused
            | Self::ProtocolError
            | Self::DiskFull
            | Self::DiskError => JobOutcome::SystemError,
        }
    }

    /// Whether a secret that is readable and of the right form ends it.
    pub(super) fn is_of_secret(&self) -> bool {
        matches!(
            self,
            Self::SecretNotFound
                | Self::SecretAccessDenied
                | Self::SecretUnreachable
                | Self::SecretUnreadable
                | Self::SecretWithoutMediaUri
                | Self::BadUri
        )
    }

    /// `JobStatusDetails`.
    pub fn details(&self) -> String {
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
            Self::BadUri => {
                "the secret's MediaURI does not fit MediaUriType; write rtsp://, rtsps:// or rtspu:// for \
                 RTSP_URI and file:/// for FILE_URI, with special characters in user and password percent-encoded"
            }
            Self::CertificateUntrusted => {
                "the camera's certificate is not trusted; give the certificate, or that of its CA, to the agent with \
                 --camera-ca, and check the host in the secret's MediaURI and the clocks of hub and camera"
            }
            Self::WrongPassword => {
                "the camera refuses the user name or password in the secret's MediaURI; correct the secret, or the \
                 account on the camera"
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
            Self::Unreachable => {
                "the camera does not answer; check its power, its network and the host and port in the secret's \
                 MediaURI; trying again"
            }
            Self::Stalled => "the camera stopped sending frames for 10 s; connecting again",
            Self::Ended => "the camera ended the session; connecting again",
            Self::HubPaused => {
                "the hub itself stood still for a while and the camera's session ended over it; connecting again"
            }
            Self::ProtocolError => {
                "the camera sent something that is not valid RTSP or RTP; connecting again; if it goes on, update the \
                 camera's firmware"
            }
            Self::DiskFull => {
                "the hub's disk is full; free space on it, or lower MaxLocalMediaSizeInMB or EdgeRetentionInHours"
            }
            Self::DiskError => {
                "the hub's disk could not be written; check the disk and the agent's log"
            }
            Self::CameraRefused { status } => {
                return format!(
                    "the camera refuses the stream with RTSP status {status}; check whether it allows one more viewer, \
                     or restart it; trying again"
                );
            }
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

    /// The longest wait between attempts. A camera that is off or rebooting costs one packet an attempt, so it is tried
    /// every second and recording is back within two seconds of its return, and so is one that says it is not ready;
    /// one that answers and refuses is left alone for longer, since cameras lock accounts that knock too often.
    pub(super) fn longest_wait(&self) -> Duration {
        match self {
            Self::Unreachable | Self::Stalled | Self::Ended | Self::HubPaused => {
                Duration::from_secs(1)
            }
            Self::CameraRefused { status: 500.. } => Duration::from_secs(2),
            _ => Duration::from_secs(60),
        }
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
