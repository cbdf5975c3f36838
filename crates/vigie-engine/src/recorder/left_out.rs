//! What of a source is not recorded, and the words that say so: losing media is allowed, but never silent.
//!
//! Says it; what is left out is decided where the source is read.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::failure::plain;

/// So many are said; more would hide the rest of the status.
const SAID_MAX: usize = 4;

/// A track, or a part of one, that is not recorded though the source has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub medium: Medium,
    /// The codec's name as the source says it, or as people call it.
    pub codec: String,
    pub reason: LeftOutReason,
}

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Medium {
    /// Pictures.
    Video,
    Sound,
    /// Anything else: subtitles, positions, time codes.
    Other,
}

/// Why a track is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LeftOutReason {
    /// KVS carries no such codec.
    Codec,
    /// Its parameters, or what describes it, cannot be read.
    Parameters,
    /// Its frames are compressed or encrypted in a way that is not read.
    Encoding {
        /// The way's name.
        name: String,
    },
    /// Another track of its medium is recorded.
    Second,
    /// The source gives it out in no way that can be used.
    NotSetUp,
    /// The source does not give it out.
    Refused {
        /// The status of its answer.
        status: u16,
    },
    /// It comes so long before the first picture that it belongs to none.
    BeforeFirstPicture {
        /// How many frames.
        frames: u64,
    },
}

impl fmt::Display for LeftOut {
    /// A clause for `JobStatusDetails` and the log, such as "sound in ac-3 is left out; KVS carries AAC and G.711".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codec = plain(&self.codec);
        let medium = match self.medium {
            Medium::Video => "video",
            Medium::Sound => "sound",
            Medium::Other => "data",
        };
        match &self.reason {
            LeftOutReason::Codec => {
                let carried = match self.medium {
                    Medium::Video => "; KVS carries H.264 and H.265",
                    Medium::Sound => "; KVS carries AAC and G.711",
                    Medium::Other => "",
                };
                write!(f, "{medium} in {codec} is left out{carried}")
            }
            LeftOutReason::Parameters => {
                write!(f, "{medium} in {codec} is left out; its parameters cannot be read")
            }
            LeftOutReason::Encoding { name } => {
                write!(f, "{medium} in {codec} is left out; {} is not supported", plain_words(name))
            }
            LeftOutReason::Second => {
                write!(f, "another track of {medium} in {codec} is left out; one is recorded")
            }
            LeftOutReason::NotSetUp => {
                write!(f, "{medium} in {codec} is left out; it cannot be set up")
            }
            LeftOutReason::Refused { status } => {
                write!(f, "{medium} in {codec} is left out; it is refused with status {status}")
            }
            LeftOutReason::BeforeFirstPicture { frames } => {
                write!(f, "{frames} frames of {medium} long before the first picture are left out")
            }
        }
    }
}

/// Names of ours with spaces in them.
fn plain_words(name: &str) -> String {
    name.split(' ').map(plain).collect::<Vec<_>>().join(" ")
}

/// What of the recorded source's tracks is said in a status, behind what it says otherwise; nothing when nothing is left
/// out. Tracks that are neither picture nor sound are for the log alone.
pub(super) fn suffix(left_out: &[LeftOut]) -> String {
    let said = left_out.iter().filter(|left_out| left_out.medium != Medium::Other);
    said.take(SAID_MAX).map(|left_out| format!("; {left_out}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_named_with_its_reason() {
        let check = |medium, codec: &str, reason, expect: &str| {
            let left_out = LeftOut { medium, codec: codec.to_owned(), reason };
            assert_eq!(left_out.to_string(), expect);
        };
        check(
            Medium::Sound,
            "ac-3",
            LeftOutReason::Codec,
            "sound in ac-3 is left out; KVS carries AAC and G.711",
        );
        check(
            Medium::Video,
            "MJPEG; rm",
            LeftOutReason::Codec,
            "video in MJPEG is left out; KVS carries H.264 and H.265",
        );
        check(
            Medium::Sound,
            "aac",
            LeftOutReason::Encoding { name: "bzlib compression".to_owned() },
            "sound in aac is left out; bzlib compression is not supported",
        );
        check(
            Medium::Sound,
            "G726-32",
            LeftOutReason::Refused { status: 404 },
            "sound in G726-32 is left out; it is refused with status 404",
        );
    }

    #[test]
    fn a_status_says_pictures_and_sound_and_not_without_end() {
        let of = |medium| LeftOut { medium, codec: "x".to_owned(), reason: LeftOutReason::Codec };
        assert_eq!(suffix(&[]), "");
        assert_eq!(suffix(&[of(Medium::Other)]), "");
        let many = vec![of(Medium::Sound); 20];
        assert_eq!(suffix(&many).matches("left out").count(), SAID_MAX);
    }
}
