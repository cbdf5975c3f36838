//! Which of a camera's media are recorded: the first video and the first sound that can be, and metadata when it is asked
//! for. Media that flows to the camera is left alone.

use super::end::{End, LeftOut, MediumName, plain};
use super::sdp::{Direction, Medium};
use super::settings::Wanted;
use super::tally::Tally;
use crate::Deviation;
use crate::format::{MediaFormat, MediaKind};

/// A medium that is to be set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) name: MediumName,
    pub(crate) format: MediaFormat,
}

/// What is set up, video first, and what is not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) chosen: Vec<Chosen>,
    pub(crate) left_out: Vec<(MediumName, LeftOut)>,
}

/// Chooses. `shunned` are media that ended a connection before.
///
/// # Errors
/// [`End`] when there is no video to record.
pub(crate) fn choose(
    media: &[Medium],
    wanted: Wanted,
    shunned: &[MediumName],
    supports: fn(&MediaFormat) -> bool,
    tally: &mut Tally,
) -> Result<Choice, End> {
    if media.is_empty() {
        return Err(End::UnreadableDescription);
    }
    let to_the_camera = to_the_camera(media, tally);
    let mut choice = Choice { chosen: Vec::new(), left_out: Vec::new() };
    for kind in [MediaKind::Video, MediaKind::Audio, MediaKind::Application] {
        let is_wanted = match (kind, wanted) {
            (MediaKind::Video, _) | (_, Wanted::Describe) => true,
            (MediaKind::Audio, Wanted::Record { sound, .. }) => sound,
            (MediaKind::Application, Wanted::Record { metadata, .. }) => metadata,
        };
        let mut is_chosen = false;
        for (index, medium) in media.iter().enumerate().filter(|(_, m)| m.kind == Some(kind)) {
            let name = MediumName { index, kind };
            let why = match (medium.direction, supported(medium, supports)) {
                _ if shunned.contains(&name) => continue,
                (direction, _) if direction == to_the_camera => LeftOut::ToTheCamera,
                (Direction::Inactive, _) => LeftOut::Inactive,
                _ if !is_wanted => LeftOut::NotWanted,
                (_, None) => LeftOut::UnsupportedCodec { codec: codec(medium) },
                (_, Some(_)) if is_chosen => LeftOut::NotTheFirst,
                (_, Some(format)) => {
                    is_chosen = true;
                    choice.chosen.push(Chosen { name, format: format.clone() });
                    continue;
                }
            };
            choice.left_out.push((name, why));
        }
    }
    if choice.chosen.first().is_some_and(|first| first.name.kind == MediaKind::Video) {
        return Ok(choice);
    }
    let is_picture = |medium: &&Medium| {
        (medium.kind == Some(MediaKind::Video) || medium.name == "image")
            && medium.direction != Direction::Inactive
    };
    let picture = media.iter().find(is_picture);
    Err(picture.map_or(End::NoVideo, |medium| End::UnsupportedCodec { codec: codec(medium) }))
}

/// The direction that means "to the camera". By ONVIF (Streaming section 5.3) a description is written for its reader,
/// who sends what is `sendonly`. Where no other video is there, it is written from the camera's side.
fn to_the_camera(media: &[Medium], tally: &mut Tally) -> Direction {
    let mut videos = media.iter().filter(|medium| medium.kind == Some(MediaKind::Video));
    let has_sent = videos.clone().any(|medium| medium.direction == Direction::SendOnly);
    if has_sent
        && videos.all(|medium| {
            medium.direction != Direction::Both && medium.direction != Direction::ReceiveOnly
        })
    {
        tally.add(Deviation::SdpDirection);
        return Direction::ReceiveOnly;
    }
    Direction::SendOnly
}

/// The first format of a medium that can be recorded.
fn supported(medium: &Medium, supports: fn(&MediaFormat) -> bool) -> Option<&MediaFormat> {
    let formats = medium.formats.iter().filter(|_| !medium.is_encrypted);
    formats.into_iter().find(|format| supports(format))
}

/// The name of what a medium is coded in.
fn codec(medium: &Medium) -> String {
    let format = medium.formats.first();
    let name = match format {
        _ if medium.is_encrypted => "SRTP".to_owned(),
        Some(format) if !format.encoding.is_empty() => plain(&format.encoding.to_uppercase()),
        Some(format) => format!("PAYLOAD-TYPE-{}", format.payload_type),
        None => plain(&medium.name.to_uppercase()),
    };
    if name.is_empty() { "UNNAMED".to_owned() } else { name }
}
