//! Acknowledgements: the answer stream of PutMedia, one flat JSON object per line.
//!
//! Decides how they are written (server) and read (our own uploader). Never decides when one is due.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::fragment_number::FragmentNumber;

macro_rules! error_ids {
    ($($(#[$doc:meta])* $variant:ident = $id:literal $code:literal),+ $(,)?) => {
        /// Why a fragment or a connection is given up (`ErrorId` and `ErrorCode` of KVS API_PutMedia).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorId {
            $($(#[$doc])* $variant,)+
            /// An id that this crate does not know, from another server.
            Other(u32),
        }

        impl ErrorId {
            /// All ids that are known.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number on the wire.
            pub const fn id(self) -> u32 {
                match self { $(Self::$variant => $id,)+ Self::Other(id) => id }
            }

            /// The name on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ Self::Other(_) => "UNKNOWN_ERROR" }
            }

            /// The error of a number.
            pub const fn from_id(id: u32) -> Self {
                match id { $($id => Self::$variant,)+ other => Self::Other(other) }
            }
        }
    };
}

error_ids! {
    /// The body could not be read.
    StreamReadError = 4000 "STREAM_READ_ERROR",
    /// A fragment exceeds 50 MB.
    MaxFragmentSizeReached = 4001 "MAX_FRAGMENT_SIZE_REACHED",
    /// A fragment exceeds the longest duration.
    MaxFragmentDurationReached = 4002 "MAX_FRAGMENT_DURATION_REACHED",
    /// The connection is older than the service allows.
    MaxConnectionDurationReached = 4003 "MAX_CONNECTION_DURATION_REACHED",
    /// A fragment is earlier than the one before.
    FragmentTimecodeLesserThanPrevious = 4004 "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS",
    /// More than three tracks.
    MoreThanAllowedTracksFound = 4005 "MORE_THAN_ALLOWED_TRACKS_FOUND",
    /// The body is not the Matroska that KVS takes.
    InvalidMkvData = 4006 "INVALID_MKV_DATA",
    /// The producer's time cannot be.
    InvalidProducerTimestamp = 4007 "INVALID_PRODUCER_TIMESTAMP",
    /// The stream is gone or going.
    StreamNotActive = 4008 "STREAM_NOT_ACTIVE",
    /// Too many or too long tags.
    FragmentMetadataLimitReached = 4009 "FRAGMENT_METADATA_LIMIT_REACHED",
    /// A block of a track that is not declared.
    TrackNumberMismatch = 4010 "TRACK_NUMBER_MISMATCH",
    /// A declared track has no frame in a fragment.
    FramesMissingForTrack = 4011 "FRAMES_MISSING_FOR_TRACK",
    /// A tag's name is reserved.
    InvalidFragmentMetadata = 4012 "INVALID_FRAGMENT_METADATA",
    /// KMS refuses.
    KmsKeyAccessDenied = 4500 "KMS_KEY_ACCESS_DENIED",
    /// The key is disabled.
    KmsKeyDisabled = 4501 "KMS_KEY_DISABLED",
    /// The key cannot be used.
    KmsKeyValidationError = 4502 "KMS_KEY_VALIDATION_ERROR",
    /// The key is not available.
    KmsKeyUnavailable = 4503 "KMS_KEY_UNAVAILABLE",
    /// The key is of the wrong kind.
    KmsKeyInvalidUsage = 4504 "KMS_KEY_INVALID_USAGE",
    /// The key's state forbids it.
    KmsKeyInvalidState = 4505 "KMS_KEY_INVALID_STATE",
    /// The key does not exist.
    KmsKeyNotFound = 4506 "KMS_KEY_NOT_FOUND",
    /// The stream is being deleted (producer library only).
    StreamDeleted = 4507 "STREAM_DELETED",
    /// The service failed.
    InternalError = 5000 "INTERNAL_ERROR",
    /// The fragment could not be stored.
    ArchivalError = 5001 "ARCHIVAL_ERROR",
}

/// What an acknowledgement says (`EventType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcknowledgementEvent {
    /// The first byte of the fragment arrived.
    Buffering,
    /// The whole fragment arrived. The last word for streams without retention.
    Received,
    /// The fragment is durably stored.
    Persisted,
    /// No data for a while.
    Idle,
    /// The fragment failed, or the connection.
    Error(ErrorId),
}

/// One acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// What happened.
    pub event: AcknowledgementEvent,
    /// The fragment's timecode in milliseconds, in the producer's own base: since 1970 when ABSOLUTE, since the
    /// start when RELATIVE. -1 for an error before any fragment; may be missing when idle.
    pub fragment_timecode_ms: Option<i64>,
    /// The fragment's number. Missing (written as empty text) before one is given.
    pub fragment_number: Option<FragmentNumber>,
}

/// Longest line; Amazon's C producer refuses longer ones.
pub const LINE_BYTES_MAX: usize = 1024;

impl Acknowledgement {
    /// About a fragment.
    pub fn of(event: AcknowledgementEvent, timecode_ms: i64, number: FragmentNumber) -> Self {
        Self { event, fragment_timecode_ms: Some(timecode_ms), fragment_number: Some(number) }
    }

    /// An error before any fragment began: timecode -1 and no number (seen from AWS).
    pub fn error_before_any_fragment(error: ErrorId) -> Self {
        Self {
            event: AcknowledgementEvent::Error(error),
            fragment_timecode_ms: Some(-1),
            fragment_number: None,
        }
    }

    /// No data for a while.
    pub fn idle() -> Self {
        Self {
            event: AcknowledgementEvent::Idle,
            fragment_timecode_ms: None,
            fragment_number: None,
        }
    }

    /// Appends the line with its `\n`, at most [`LINE_BYTES_MAX`] bytes. It has to leave in one HTTP chunk:
    /// Amazon's embedded C producer does not join chunks.
    pub fn write_line(&self, out: &mut String) {
        // Members are numbers and fixed names: nothing needs escaping. Writing to a String cannot fail.
        out.push_str(r#"{"EventType":""#);
        out.push_str(self.event.name());
        out.push('"');
        if let Some(timecode_ms) = self.fragment_timecode_ms {
            let _infallible = write!(out, r#","FragmentTimecode":{timecode_ms}"#);
        }
        match self.fragment_number {
            Some(number) => {
                let _infallible = write!(out, r#","FragmentNumber":"{number}""#);
            }
            None if matches!(self.event, AcknowledgementEvent::Error(_)) => {
                out.push_str(r#","FragmentNumber":"""#);
            }
            None => {}
        }
        if let AcknowledgementEvent::Error(error) = self.event {
            let (code, id) = (error.code(), error.id());
            let _infallible = write!(out, r#","ErrorCode":"{code}","ErrorId":{id}"#);
        }
        out.push_str("}\n");
    }

    /// The line with its `\n`.
    pub fn to_line(&self) -> String {
        let mut line = String::with_capacity(160);
        self.write_line(&mut line);
        line
    }
}

impl AcknowledgementEvent {
    const fn name(self) -> &'static str {
        match self {
            Self::Buffering => "BUFFERING",
            Self::Received => "RECEIVED",
            Self::Persisted => "PERSISTED",
            Self::Idle => "IDLE",
            Self::Error(_) => "ERROR",
        }
    }
}

/// Why an answer stream cannot be read on. The connection has to be closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcknowledgementError {
    /// A line without end.
    #[error("an acknowledgement is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// Not an acknowledgement; the line itself is left out, for it came from elsewhere.
    #[error("a line of the PutMedia answer is not an acknowledgement")]
    Malformed,
}

/// The wire form, as servers write it. The reference pages call the key `AckEventType`; the wire says `EventType`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    #[serde(alias = "AckEventType")]
    event_type: String,
    #[serde(default)]
    fragment_timecode: Option<i64>,
    #[serde(default)]
    fragment_number: Option<String>,
    #[serde(default)]
    error_id: Option<u32>,
}

/// Reads acknowledgements from an answer stream in pieces of any size.
#[derive(Debug, Default)]
pub struct AcknowledgementReader {
    /// The end of a line is still to come. Never longer than [`LINE_BYTES_MAX`].
    open_line: Vec<u8>,
}

impl AcknowledgementReader {
    /// Takes the next bytes of the answer and returns the acknowledgements that they complete, in order. Lines of
    /// an event type that is not known are left out. After an error the reader is of no further use.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<Vec<Acknowledgement>, AcknowledgementError> {
        let mut read = Vec::new();
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = &rest[1..];
            self.extend(line)?;
            read.extend(read_line(&self.open_line)?);
            self.open_line.clear();
        }
        self.extend(bytes)?;
        Ok(read)
    }

    /// The answer has ended: what a last line without `\n` says.
    pub fn finish(&mut self) -> Result<Option<Acknowledgement>, AcknowledgementError> {
        read_line(&std::mem::take(&mut self.open_line))
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), AcknowledgementError> {
        if self.open_line.len() + bytes.len() > LINE_BYTES_MAX {
            return Err(AcknowledgementError::TooLong);
        }
        self.open_line.extend_from_slice(bytes);
        Ok(())
    }
}

fn read_line(line: &[u8]) -> Result<Option<Acknowledgement>, AcknowledgementError> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(None);
    }
    let line: Line = serde_json::from_slice(line).map_err(|_| AcknowledgementError::Malformed)?;
    let event = match line.event_type.as_str() {
        "BUFFERING" => AcknowledgementEvent::Buffering,
        "RECEIVED" => AcknowledgementEvent::Received,
        "PERSISTED" => AcknowledgementEvent::Persisted,
        "IDLE" => AcknowledgementEvent::Idle,
        "ERROR" => {
            let id = line.error_id.ok_or(AcknowledgementError::Malformed)?;
            AcknowledgementEvent::Error(ErrorId::from_id(id))
        }
        _ => return Ok(None),
    };
    Ok(Some(Acknowledgement {
        event,
        fragment_timecode_ms: line.fragment_timecode,
        // Only told to people: a number of another layout does not stop an upload.
        fragment_number: line.fragment_number.and_then(|number| number.parse().ok()),
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vigie_media::Timestamp;

    use super::*;

    fn number(sequence: u64) -> FragmentNumber {
        FragmentNumber::new(sequence, Timestamp::from_millis(1_565_810_137_603), 0)
    }

    #[test]
    fn lines_look_like_the_service_s() {
        let check = |acknowledgement: Acknowledgement, expect: &str| {
            assert_eq!(acknowledgement.to_line(), format!("{expect}\n"));
        };
        check(
            Acknowledgement::of(AcknowledgementEvent::Persisted, 1_565, number(1)),
            r#"{"EventType":"PERSISTED","FragmentTimecode":1565,"FragmentNumber":"91343852333181432392682062622228168124976332800"}"#,
        );
        let error = AcknowledgementEvent::Error(ErrorId::MaxFragmentDurationReached);
        check(
            Acknowledgement::of(error, 9, number(1)),
            r#"{"EventType":"ERROR","FragmentTimecode":9,"FragmentNumber":"91343852333181432392682062622228168124976332800","ErrorCode":"MAX_FRAGMENT_DURATION_REACHED","ErrorId":4002}"#,
        );
        check(
            Acknowledgement::error_before_any_fragment(ErrorId::InvalidMkvData),
            r#"{"EventType":"ERROR","FragmentTimecode":-1,"FragmentNumber":"","ErrorCode":"INVALID_MKV_DATA","ErrorId":4006}"#,
        );
        check(Acknowledgement::idle(), r#"{"EventType":"IDLE"}"#);
    }

    #[test]
    fn real_lines_are_read() {
        let lines = concat!(
            r#"{"EventType":"BUFFERING","FragmentTimecode":1565810137603,"FragmentNumber":"91343852333182036507421233921329142742245756394"}"#,
            "\r\n\n",
            r#"{"EventType":"ERROR","FragmentTimecode":1565810137603,"FragmentNumber":"9134","ErrorCode":"MAX_FRAGMENT_DURATION_REACHED","ErrorId":4002}"#,
            "\n",
            r#"{"EventType":"NEW_KIND","Extra":{"a":[1]}}"#,
            "\n",
            r#"{"EventType":"ERROR","ErrorId":4999}"#,
        );
        let mut reader = AcknowledgementReader::default();
        let mut read = reader.push(lines.as_bytes()).unwrap();
        read.extend(reader.finish().unwrap());
        let events: Vec<_> = read.iter().map(|ack| (ack.event, ack.fragment_timecode_ms)).collect();
        assert_eq!(
            events,
            [
                (AcknowledgementEvent::Buffering, Some(1_565_810_137_603)),
                (
                    AcknowledgementEvent::Error(ErrorId::MaxFragmentDurationReached),
                    Some(1_565_810_137_603)
                ),
                (AcknowledgementEvent::Error(ErrorId::Other(4999)), None),
            ]
        );
        assert_eq!(read[0].fragment_number.map(FragmentNumber::sequence), Some(122_001));
        assert_eq!(read[1].fragment_number, None);
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_memory() {
        let mut reader = AcknowledgementReader::default();
        assert_eq!(reader.push(&[b'{'; LINE_BYTES_MAX]), Ok(vec![]));
        assert_eq!(reader.push(b"{"), Err(AcknowledgementError::TooLong));
    }

    #[test]
    fn text_that_is_no_acknowledgement_is_refused() {
        for line in ["<html>\n", "{}\n", "[]\n", "{\"EventType\":\"ERROR\"}\n"] {
            let mut reader = AcknowledgementReader::default();
            assert_eq!(reader.push(line.as_bytes()), Err(AcknowledgementError::Malformed));
        }
    }

    #[test]
    fn every_error_id_reads_back() {
        for &error in ErrorId::ALL {
            assert_eq!(ErrorId::from_id(error.id()), error);
            assert_ne!(error.code(), ErrorId::Other(0).code());
        }
        assert_eq!(ErrorId::ALL.len(), 23);
    }

    fn any_acknowledgement() -> impl Strategy<Value = Acknowledgement> {
        let error = (0..ErrorId::ALL.len()).prop_map(|index| ErrorId::ALL[index]);
        let event = prop_oneof![
            Just(AcknowledgementEvent::Buffering),
            Just(AcknowledgementEvent::Received),
            Just(AcknowledgementEvent::Persisted),
            Just(AcknowledgementEvent::Idle),
            error.prop_map(AcknowledgementEvent::Error),
        ];
        let sequence = proptest::option::of(0..1u64 << 40);
        (event, any::<Option<i64>>(), sequence).prop_map(|(event, timecode, sequence)| {
            Acknowledgement {
                event,
                fragment_timecode_ms: timecode,
                fragment_number: sequence.map(number),
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_however_it_is_cut(
            acknowledgements in proptest::collection::vec(any_acknowledgement(), 0..8),
            cut in 1..40usize,
        ) {
            let mut text = String::new();
            for acknowledgement in &acknowledgements {
                let line = acknowledgement.to_line();
                prop_assert!(line.len() <= LINE_BYTES_MAX && line.ends_with('\n'));
                text.push_str(&line);
            }
            let mut reader = AcknowledgementReader::default();
            let mut read = Vec::new();
            for piece in text.as_bytes().chunks(cut) {
                read.extend(reader.push(piece).unwrap());
            }
            prop_assert_eq!(reader.finish(), Ok(None));
            prop_assert_eq!(read, acknowledgements);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let mut reader = AcknowledgementReader::default();
            if reader.push(&bytes).is_ok() {
                let _read = reader.finish();
            }
        }
    }
}
