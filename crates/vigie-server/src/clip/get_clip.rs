//! The shell of GetClip: reads the fragments of a range, refuses what cannot be one file, and sends the file.
//!
//! What can be refused is refused before the answer begins. Media that goes while it is sent ends the answer before the
//! length that its head announced, so that no caller takes a part for the whole.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use vigie_kvs::ErrorKind;
use vigie_kvs::shapes::archived_media::{FragmentSelectorType, GetClipInput, TimestampRange};
use vigie_media::matroska::DocumentHeader;
use vigie_media::mp4::{Mp4Head, Mp4Writer};

use super::documents::{Documents, unless_gone};
use super::played::{Played, refusal, refused};
use super::sender::{End, PIECES_WAITING_MAX, Sender};
use crate::api::Call;
use crate::archive::StoredFragment;
use crate::db::Stream;
use crate::failure::Answer;
use crate::fragment_selection::key_frame::{Reach, begun_with_key_frame};
use crate::fragment_selection::{check_server_range, list_range};
use crate::media::Media;

/// A file that is being made.
pub(crate) struct Clip {
    /// Its length.
    pub size_bytes: u64,
    /// Its bytes, in order. Fewer than `size_bytes` when the media could not be read to its end.
    pub pieces: mpsc::Receiver<Bytes>,
}

/// Begins an answer.
pub(crate) async fn get_clip(media: &Arc<Media>, call: &Call, input: GetClipInput) -> Answer<Clip> {
    let stream = media.streams.active(call, &input.stream()?).await?;
    input.check()?;
    if stream.retention_hours == 0 {
        return Err(refused(ErrorKind::NoDataRetention, "the stream retains no media".into()));
    }
    let selector = &input.clip_fragment_selector;
    if selector.fragment_selector_type == FragmentSelectorType::ServerTimestamp {
        let TimestampRange { start_timestamp, end_timestamp } = selector.timestamp_range;
        check_server_range(
            media.head(&stream),
            start_timestamp,
            Some(end_timestamp),
            media.process.now().wall,
        )?;
    }
    let mut index = Index { documents: Documents::new(media), played: None, fragments: Vec::new() };
    let head = index.build(select(media, &stream, &input).await?).await?;
    let size_bytes = head.file_size_bytes();
    let (pieces, answer) = mpsc::channel(PIECES_WAITING_MAX);
    let Index { documents, played, fragments } = index;
    let tracks = played.map(|played| played.tracks).unwrap_or_default();
    let name = stream.name;
    media.process.spawn(async move {
        let mut sender = Sender::new(documents, tracks, pieces);
        let sent = async {
            sender.send_head(head.bytes).await?;
            for fragment in &fragments {
                sender.send_fragment(fragment).await?;
            }
            Ok(())
        };
        if let Err(End::Failed(error)) = sent.await {
            tracing::error!(stream = name, %error, "GetClip ended before the file did");
        }
    });
    Ok(Clip { size_bytes, pieces: answer })
}

/// The fragments of the range, in the order in which they stand in the file.
async fn select(
    media: &Media,
    stream: &Stream,
    input: &GetClipInput,
) -> Answer<Vec<StoredFragment>> {
    let limits = media.config.clip_limits;
    let selector = &input.clip_fragment_selector;
    let kind = selector.fragment_selector_type;
    let range = (selector.timestamp_range, Reach::BeforeRange);
    let begun = begun_with_key_frame(media, stream, kind, range).await?;
    let Some((range, _)) = begun else { return Ok(Vec::new()) };
    let found = list_range(media, stream, kind, range, limits.candidates_max()).await?;
    limits.check(&found)?;
    Ok(found.fragments)
}

/// The first pass.
struct Index {
    documents: Documents,
    /// Once the first fragment has been read.
    played: Option<Played>,
    /// Those that are in the file.
    fragments: Vec<StoredFragment>,
}

impl Index {
    async fn build(&mut self, fragments: Vec<StoredFragment>) -> Answer<Mp4Head> {
        let Some((first, header)) = self.first(&fragments).await? else {
            let message = "no fragment starts within the range".to_owned();
            return Err(refused(ErrorKind::ResourceNotFound, message));
        };
        let played = self.played.insert(Played::of(&header)?);
        let mut writer = Mp4Writer::new(&played.tracks);
        for fragment in fragments.into_iter().skip(first) {
            let read = self.documents.read(&fragment).await;
            let Some((header, bytes)) = unless_gone(read)? else { continue };
            played.check(&header)?;
            writer
                .add_fragment(
                    &header,
                    bytes,
                    fragment.producer_timestamp,
                    fragment.duration_ms.into(),
                )
                .map_err(refusal)?;
            self.fragments.push(fragment);
        }
        Ok(writer.finish())
    }

    /// The first fragment that is still there, and its document's header.
    async fn first(
        &mut self,
        fragments: &[StoredFragment],
    ) -> Answer<Option<(usize, Arc<DocumentHeader>)>> {
        for (index, fragment) in fragments.iter().enumerate() {
            let header = self.documents.header(fragment).await;
            if let Some(header) = unless_gone(header)? {
                return Ok(Some((index, header)));
            }
        }
        Ok(None)
    }
}
