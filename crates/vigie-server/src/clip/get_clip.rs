//! The shell of GetClip: reads the fragments of a range, refuses what cannot be one file, and sends the file.
//!
//! What can be refused is refused before the answer begins. Media that goes while it is sent ends the answer before the
//! length that its head announced, so that no caller takes a part for the whole.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use vigie_kvs::shapes::archived_media::{FragmentSelectorType, GetClipInput, TimestampRange};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::matroska::{DocumentHeader, Limits};
use vigie_media::mp4::{self, Mp4Writer};
use vigie_media::sample::{SampleError, SampleTrack, sample_tracks};
use vigie_media::{Track, TrackKind, codec_id};

use crate::api::Call;
use crate::archive::{ArchiveError, DocumentId, StoredFragment};
use crate::db::Stream;
use crate::failure::{Answer, Failure};
use crate::fragment_selection::{check_server_range, list_range};
use crate::media::Media;

/// Pieces that may wait for the socket.
const PIECES_WAITING_MAX: usize = 32;
/// Shorter frames are copied together, up to about so many bytes; longer ones are sent as they lie in memory.
const TOGETHER_BYTES: usize = 32 << 10;

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
        let sending = Sending { documents, tracks, pieces, together: BytesMut::new() };
        if let Err(End::Failed(error)) = sending.send_file(head.bytes, &fragments).await {
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
    let (kind, range) = (selector.fragment_selector_type, selector.timestamp_range);
    let fragments = list_range(media, stream, kind, range, limits.candidates_max()).await?;
    limits.check(&fragments)?;
    Ok(fragments)
}

/// The first pass.
struct Index {
    documents: Documents,
    /// Once the first fragment has been read.
    played: Option<Played>,
    /// Those that are in the file.
    fragments: Vec<StoredFragment>,
}

/// The tracks of the file.
struct Played {
    declared: Vec<Track>,
    tracks: Vec<SampleTrack>,
}

impl Index {
    async fn build(&mut self, fragments: Vec<StoredFragment>) -> Answer<mp4::Mp4Head> {
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

/// Media that was deleted since it was listed has expired: it is as if it had not been listed.
fn unless_gone<T>(read: Result<T, ArchiveError>) -> Answer<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(ArchiveError::FragmentGone) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Played {
    /// The first video track and the first audio track.
    fn of(header: &DocumentHeader) -> Answer<Self> {
        let declared = declared(header);
        if declared.is_empty() {
            let message = "the media has neither a video nor an audio track".to_owned();
            return Err(refused(ErrorKind::UnsupportedStreamMediaType, message));
        }
        let tracks = sample_tracks(&declared).map_err(refusal)?;
        Ok(Self { declared, tracks })
    }

    /// One file has one set of tracks and of codec parameters (KVS API_GetClip: an error where they change).
    fn check(&self, header: &DocumentHeader) -> Answer<()> {
        let declared = declared(header);
        let kinds = |tracks: &[Track]| -> Vec<(u64, String)> {
            tracks.iter().map(|track| (track.number, track.codec_id.clone())).collect()
        };
        if kinds(&declared) != kinds(&self.declared) {
            let message = "the tracks or their codecs change within the range".to_owned();
            return Err(refused(ErrorKind::UnsupportedStreamMediaType, message));
        }
        let pairs = declared.iter().zip(&self.declared);
        if pairs.into_iter().any(|(track, first)| track.codec_private != first.codec_private) {
            let message = "the codec private data changes within the range".to_owned();
            return Err(refused(ErrorKind::InvalidCodecPrivateData, message));
        }
        Ok(())
    }
}

fn declared(header: &DocumentHeader) -> Vec<Track> {
    let first = |kind| header.tracks.iter().find(|track| track.kind == kind);
    let video = first(TrackKind::Video);
    // Pictures are not refused for the sake of sound that only Matroska carries here.
    let audio =
        first(TrackKind::Audio).filter(|audio| video.is_none() || audio.codec_id != codec_id::OPUS);
    [video, audio].into_iter().flatten().cloned().collect()
}

fn refusal(error: SampleError) -> Failure {
    let kind = match error {
        SampleError::UnsupportedCodec { .. } => ErrorKind::UnsupportedStreamMediaType,
        SampleError::MissingCodecPrivate { .. } => ErrorKind::MissingCodecPrivateData,
        SampleError::InvalidCodecPrivate { .. } => ErrorKind::InvalidCodecPrivateData,
        SampleError::InvalidFrame { .. } | SampleError::Fragment(_) => ErrorKind::InvalidMediaFrame,
        SampleError::TooLarge(_) => ErrorKind::ClientLimitExceeded,
    };
    refused(kind, error.to_string())
}

fn refused(kind: ErrorKind, message: String) -> Failure {
    KvsError::new(kind, message).into()
}

/// The document headers of fragments; those of one media file share theirs.
struct Documents {
    media: Arc<Media>,
    current: Option<(DocumentId, Arc<DocumentHeader>)>,
}

impl Documents {
    fn new(media: &Arc<Media>) -> Self {
        Self { media: Arc::clone(media), current: None }
    }

    async fn header(
        &mut self,
        fragment: &StoredFragment,
    ) -> Result<Arc<DocumentHeader>, ArchiveError> {
        let file = fragment.document;
        if let Some((of, header)) = &self.current
            && *of == file
        {
            return Ok(Arc::clone(header));
        }
        let raw = self.media.fragments.read_header(fragment).await?;
        let header = DocumentHeader::parse(&raw, Limits::FILE)
            .map_err(|error| ArchiveError::Header(error.to_string()))?;
        let header = Arc::new(header);
        self.current = Some((file, Arc::clone(&header)));
        Ok(header)
    }

    async fn read(
        &mut self,
        fragment: &StoredFragment,
    ) -> Result<(Arc<DocumentHeader>, Bytes), ArchiveError> {
        Ok((self.header(fragment).await?, self.media.fragments.read(fragment).await?))
    }
}

/// The second pass.
struct Sending {
    documents: Documents,
    tracks: Vec<SampleTrack>,
    pieces: mpsc::Sender<Bytes>,
    /// Short pieces that wait to be sent together.
    together: BytesMut,
}

/// Why a file is not sent to its end.
enum End {
    CallerGone,
    Failed(String),
}

impl Sending {
    async fn send_file(mut self, head: Bytes, fragments: &[StoredFragment]) -> Result<(), End> {
        let failed = |error: &dyn std::error::Error| End::Failed(error.to_string());
        self.send(head).await?;
        for fragment in fragments {
            let read = self.documents.read(fragment).await;
            let (header, bytes) = read.map_err(|error| failed(&error))?;
            let data = mp4::fragment_data(&self.tracks, &header, bytes);
            for piece in data.map_err(|error| failed(&error))?.pieces {
                self.put(piece).await?;
            }
            // The fragment's memory is given back before the next one is read.
            self.flush().await?;
        }
        Ok(())
    }

    async fn put(&mut self, piece: Bytes) -> Result<(), End> {
        if piece.len() >= TOGETHER_BYTES {
            self.flush().await?;
            return self.send(piece).await;
        }
        self.together.extend_from_slice(&piece);
        if self.together.len() >= TOGETHER_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.together.is_empty() {
            return Ok(());
        }
        let piece = self.together.split().freeze();
        self.send(piece).await
    }

    async fn send(&self, piece: Bytes) -> Result<(), End> {
        let size_bytes = piece.len() as u64;
        self.pieces.send(piece).await.map_err(|_| End::CallerGone)?;
        self.documents.media.metrics.get_clip_bytes.inc_by(size_bytes);
        Ok(())
    }
}
