//! What a status says besides that the source is recorded: what of it costs pictures, what of its time stamps or of the
//! hub's clock is worth a word, and what is left out.
//!
//! Decides which of it is said, and for how long. A stamp that jumps once costs nothing and is only counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::left_out::{self, LeftOut};
use crate::media_clock::StampDeviation;

/// What passes by itself stays said for so long, and jumps are said when they come in less.
const SAID_FOR: Duration = Duration::from_secs(60);
/// That the hub's clock was far ahead stays said for so long.
const STEP_SAID_FOR: Duration = Duration::from_secs(3600);
/// No source has so many tracks that are worth a word.
const LEFT_OUT_MAX: usize = 64;

/// One thing to say. Of several the first in this order is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Remark {
    LongGroupOfPictures,
    PacketsLostOverUdp,
    PacketsLost,
    SteppedBack { by_ms: i64 },
    StampsConstant,
    StampsJumping,
    StampsOffRate,
}

/// See the module. Times are monotonic.
#[derive(Clone, Debug, Default)]
pub(super) struct Remarks {
    /// Until when each is said.
    said_until: BTreeMap<Remark, Duration>,
    stamps_jumped_at: Option<Duration>,
    left_out: Vec<LeftOut>,
    /// What the status says of it, behind the rest.
    left_out_said: String,
    /// The file was recorded only so far: it is not whole.
    pub(super) broken_off: Option<Duration>,
}

impl Remarks {
    /// The source is opened anew, and may be another: what is of the hub's clock stays.
    pub(super) fn begin_attempt(&mut self) {
        let mut said_until = std::mem::take(&mut self.said_until);
        said_until.retain(|remark, _| matches!(remark, Remark::SteppedBack { .. }));
        *self = Self { said_until, ..Self::default() };
    }

    /// Fragments begin without a key frame: it is a setting of the camera, and stays said.
    pub(super) fn long_group_of_pictures(&mut self) {
        self.said_until.insert(Remark::LongGroupOfPictures, Duration::MAX);
    }

    pub(super) fn packets_lost(&mut self, over_udp: bool, now: Duration) {
        let (now_so, no_more) = match over_udp {
            true => (Remark::PacketsLostOverUdp, Remark::PacketsLost),
            false => (Remark::PacketsLost, Remark::PacketsLostOverUdp),
        };
        self.said_until.remove(&no_more);
        self.said_until.insert(now_so, now + SAID_FOR);
    }

    pub(super) fn stamps_deviate(&mut self, deviation: StampDeviation, now: Duration) {
        let remark = match deviation {
            StampDeviation::Jumped => {
                let former = self.stamps_jumped_at.replace(now);
                if former.is_none_or(|at| now >= at + SAID_FOR) {
                    return;
                }
                Remark::StampsJumping
            }
            StampDeviation::Constant => Remark::StampsConstant,
            StampDeviation::OffRate => Remark::StampsOffRate,
        };
        self.said_until.insert(remark, now + SAID_FOR);
    }

    pub(super) fn stepped_back(&mut self, by_ms: i64, now: Duration) {
        self.said_until.retain(|remark, _| !matches!(remark, Remark::SteppedBack { .. }));
        self.said_until.insert(Remark::SteppedBack { by_ms }, now + STEP_SAID_FOR);
    }

    pub(super) fn leave_out(&mut self, left_out: Vec<LeftOut>) {
        for left_out in left_out {
            if !self.left_out.contains(&left_out) && self.left_out.len() < LEFT_OUT_MAX {
                self.left_out.push(left_out);
            }
        }
        self.left_out_said = left_out::suffix(&self.left_out);
    }

    /// The end of a sentence that names what is left out; empty where nothing is.
    pub(super) fn left_out(&self) -> &str {
        &self.left_out_said
    }

    /// What the status of a source says that is being recorded.
    pub(super) fn recording(&self, now: Duration) -> String {
        let remark = self.said_until.iter().find(|(_, until)| now < **until);
        match remark.map(|(remark, _)| *remark) {
            Some(remark) => remark.sentence(),
            None => format!("recording{}", self.left_out_said),
        }
    }
}

impl Remark {
    fn sentence(self) -> String {
        let stamps = |what: &str| {
            format!(
                "recording, but the time stamps of the camera's frames {what}, so that the times of its media follow their \
                 arrival; check the camera's frame rate and time settings, or update its firmware"
            )
        };
        match self {
            Self::LongGroupOfPictures => {
                "recording, but the camera sends key frames more than 20 s apart, so that some fragments begin without \
                 one; set its key frame (I-frame) interval to 2 s"
                    .to_owned()
            }
            Self::PacketsLostOverUdp => {
                "recording, but packets are lost on the way from the camera and pictures are damaged until the next key \
                 frame; have it send over TCP (an rtsp:// URI), or mend its network"
                    .to_owned()
            }
            Self::PacketsLost => {
                "recording, but the camera leaves packets out or sends some that cannot be read, and pictures are \
                 damaged until the next key frame; lower its bit rate or the number of its viewers, or update its firmware"
                    .to_owned()
            }
            Self::SteppedBack { by_ms } => format!(
                "recording; the hub's clock was {} minutes ahead and was set right: what was recorded meanwhile stays \
                 where it is, in the future; have the hub set its clock from a time server before the agent starts",
                by_ms / 60_000
            ),
            Self::StampsConstant => stamps("stand still"),
            Self::StampsJumping => stamps("jump"),
            Self::StampsOffRate => stamps("run at another rate than time does"),
        }
    }
}
