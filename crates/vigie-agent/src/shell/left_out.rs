//! What of a camera is not recorded, in the recorder's words.

use vigie_engine::recorder::{LeftOut, LeftOutReason, Medium};
use vigie_rtsp::MediaKind;
use vigie_rtsp::client::LeftOut as CameraLeftOut;
use vigie_rtsp::media::LeftOut as MediaLeftOut;
use vigie_rtsp::session::{LeftOut as SessionLeftOut, MediumName};

/// `None` where nothing is missing: a loudspeaker, or what was not asked for.
pub(crate) fn left_out(medium: MediumName, codec: String, why: &CameraLeftOut) -> Option<LeftOut> {
    let medium = match medium.kind {
        MediaKind::Video => Medium::Video,
        MediaKind::Audio => Medium::Sound,
        MediaKind::Application => Medium::Other,
    };
    let reason = match why {
        CameraLeftOut::Session(
            SessionLeftOut::ToTheCamera | SessionLeftOut::Inactive | SessionLeftOut::NotWanted,
        ) => return None,
        CameraLeftOut::Session(SessionLeftOut::NotTheFirst)
        | CameraLeftOut::Media(MediaLeftOut::TooMany) => LeftOutReason::Second,
        CameraLeftOut::Session(SessionLeftOut::UnsupportedCodec { .. })
        | CameraLeftOut::Media(MediaLeftOut::Codec { .. }) => LeftOutReason::Codec,
        CameraLeftOut::Session(SessionLeftOut::Refused { status, .. }) => {
            LeftOutReason::Refused { status: *status }
        }
        CameraLeftOut::Session(_) => LeftOutReason::NotSetUp,
        CameraLeftOut::Media(_) => LeftOutReason::Parameters,
    };
    Some(LeftOut { medium, codec, reason })
}
