//! Which tracks of a file are recorded, and what is said of the others.

use vigie_engine::recorder::{Failure, LeftOut, LeftOutReason, Medium};
use vigie_media::codec::{g711, names};
use vigie_media::mp4::SkippedTrack;
use vigie_media::{Track, TrackKind, codec_id};

/// The tracks that are recorded, the first video and the first audio that can be carried, and their numbers in the
/// file. They become tracks 1 and 2, as a camera's.
pub(super) struct Chosen {
    pub(super) tracks: Vec<Track>,
    numbers: Vec<u64>,
    /// The file's other tracks.
    pub(super) left_out: Vec<LeftOut>,
}

impl Chosen {
    /// Of the tracks of a file; `unread` names the way in which a track's frames are encoded, where that is not read.
    pub(super) fn from(
        tracks: &[Track],
        unread: impl Fn(u64) -> Option<&'static str>,
    ) -> Result<Self, Failure> {
        let (mut video, mut audio) = (None, None);
        let mut left_out = Vec::new();
        for track in tracks {
            let slot = if is_carried_video(track) { &mut video } else { &mut audio };
            let reason = if !(is_carried_video(track) || is_carried_sound(track)) {
                LeftOutReason::Codec
            } else if let Some(name) = unread(track.number) {
                LeftOutReason::Encoding { name: name.to_owned() }
            } else if slot.is_some() {
                LeftOutReason::Second
            } else {
                *slot = Some(track);
                continue;
            };
            let codec = names::of_codec_id(&track.codec_id);
            left_out.push(LeftOut { medium: medium(track.kind), codec, reason });
        }
        let Some(video) = video else { return Err(without_video(&left_out)) };
        let mut chosen = Self { tracks: Vec::new(), numbers: Vec::new(), left_out };
        for mut track in [Some(video), audio].into_iter().flatten().cloned() {
            chosen.numbers.push(track.number);
            track.number = chosen.numbers.len() as u64;
            chosen.tracks.push(track);
        }
        Ok(chosen)
    }

    /// Of an MP4, whose reader has left out what it does not know.
    pub(super) fn from_mp4(tracks: &[Track], skipped: &[SkippedTrack]) -> Result<Self, Failure> {
        let skipped: Vec<LeftOut> = skipped
            .iter()
            .map(|track| LeftOut {
                medium: medium(track.kind),
                codec: track.codec.clone(),
                reason: if track.is_other_codec {
                    LeftOutReason::Codec
                } else {
                    LeftOutReason::Parameters
                },
            })
            .collect();
        match Self::from(tracks, |_| None) {
            Ok(mut chosen) => {
                chosen.left_out.extend(skipped);
                Ok(chosen)
            }
            Err(Failure::NoVideoTrack) => Err(without_video(&skipped)),
            Err(failure) => Err(failure),
        }
    }

    /// The recorded number of a track of the file; `None` when it is left out.
    pub(super) fn number(&self, in_file: u64) -> Option<u64> {
        self.numbers.iter().position(|&number| number == in_file).map(|index| index as u64 + 1)
    }

    /// A track of the file is `track` from now on; whether that is another than before.
    pub(super) fn change(&mut self, track: &Track) -> bool {
        let Some(number) = self.number(track.number) else { return false };
        let track = Track { number, ..track.clone() };
        match self.tracks.iter_mut().find(|former| former.number == number) {
            Some(former) if *former != track => {
                *former = track;
                true
            }
            _ => false,
        }
    }
}

/// Why nothing is recorded of a file whose video is not, if it has any.
fn without_video(left_out: &[LeftOut]) -> Failure {
    let mut videos = left_out.iter().filter(|left_out| left_out.medium == Medium::Video);
    match videos.next() {
        None => Failure::NoVideoTrack,
        Some(LeftOut { reason: LeftOutReason::Encoding { name }, .. }) => {
            Failure::FileEncodingUnsupported { name: name.clone() }
        }
        Some(LeftOut { reason: LeftOutReason::Codec, codec, .. }) => {
            Failure::FileCodecUnsupported { codec: codec.clone() }
        }
        Some(_) => Failure::FileNotMedia,
    }
}

fn medium(kind: TrackKind) -> Medium {
    match kind {
        TrackKind::Video => Medium::Video,
        TrackKind::Audio => Medium::Sound,
        TrackKind::Other(_) => Medium::Other,
    }
}

fn is_carried_video(track: &Track) -> bool {
    matches!(track.codec_id.as_str(), codec_id::H264 | codec_id::H265)
}

fn is_carried_sound(track: &Track) -> bool {
    match track.codec_id.as_str() {
        codec_id::AAC | codec_id::OPUS => true,
        // Anything can stand behind this id; of it G.711 is carried.
        codec_id::MS_ACM => g711::WaveFormat::parse(&track.codec_private).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn track(number: u64, kind: TrackKind, codec_id: &str) -> Track {
        let codec_id = codec_id.to_owned();
        let codec_private = Bytes::new();
        Track {
            number,
            kind,
            name: String::new(),
            codec_id,
            codec_private,
            video: None,
            audio: None,
        }
    }

    #[test]
    fn the_first_of_each_is_taken_and_every_other_is_named() {
        let (video, audio) = (TrackKind::Video, TrackKind::Audio);
        let tracks = [
            track(1, audio, "A_AC3"),
            track(2, video, "V_MJPEG"),
            track(3, video, codec_id::H265),
            track(4, audio, codec_id::AAC),
            track(5, audio, codec_id::OPUS),
            track(6, video, codec_id::H264),
            track(7, audio, codec_id::MS_ACM),
            track(8, TrackKind::Other(17), "S_TEXT/UTF8"),
        ];
        let chosen = Chosen::from(&tracks, |_| None).unwrap();
        let numbers: Vec<Option<u64>> = (1..=8).map(|number| chosen.number(number)).collect();
        assert_eq!(numbers, [None, None, Some(1), Some(2), None, None, None, None]);
        let said: Vec<String> = chosen.left_out.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "sound in ac-3 is left out; KVS carries AAC and G.711",
                "video in MJPEG is left out; KVS carries H.264 and H.265",
                "another track of sound in opus is left out; one is recorded",
                "another track of video in H.264 is left out; one is recorded",
                "sound in acm is left out; KVS carries AAC and G.711",
                "data in S_TEXT is left out",
            ]
        );
    }

    #[test]
    fn a_file_without_video_says_what_it_has_instead() {
        let refusal = |tracks: &[Track], unread| Chosen::from(tracks, |_| unread).err();
        assert_eq!(
            refusal(&[track(1, TrackKind::Audio, codec_id::AAC)], None),
            Some(Failure::NoVideoTrack)
        );
        let mjpeg = track(1, TrackKind::Video, "V_MJPEG");
        let codec = "MJPEG".to_owned();
        assert_eq!(refusal(&[mjpeg], None), Some(Failure::FileCodecUnsupported { codec }));
        let name = "bzlib compression";
        let expect = Failure::FileEncodingUnsupported { name: name.to_owned() };
        let h264 = track(1, TrackKind::Video, codec_id::H264);
        assert_eq!(refusal(&[h264], Some(name)), Some(expect));
    }
}
