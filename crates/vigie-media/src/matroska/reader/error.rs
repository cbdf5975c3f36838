//! What can be wrong with a document, as a caller has to tell it apart; of one element, before it is known where it stands.

use crate::matroska::ebml::EbmlError;

/// Why reading stopped. Offsets count from the first byte of the input.
///
/// The variants follow the errors that KVS acknowledges (API_PutMedia), so that a server maps each to one id;
/// the id stands beside each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not EBML (KVS 4006 INVALID_MKV_DATA).
    #[error("invalid matroska data at byte {offset}: {reason}")]
    Ebml {
        /// Where the element begins.
        offset: u64,
        /// What is wrong with it.
        reason: EbmlError,
    },
    /// EBML, but not the structure of a Matroska document of fragments (KVS 4006 INVALID_MKV_DATA).
    #[error("invalid matroska data at byte {offset}: {reason}")]
    Structure {
        /// Where the element begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A second EBML header or Segment begins at `offset`; a new reader can start there (KVS 4006).
    #[error("a second matroska document begins at byte {offset}; send one document per request")]
    SecondDocument {
        /// Where it begins.
        offset: u64,
    },
    /// The input ended inside an element (KVS 4006 INVALID_MKV_DATA).
    #[error("the input ends inside an element at byte {offset}")]
    Truncated {
        /// Where the incomplete element begins.
        offset: u64,
    },
    /// The part before the first Cluster is longer than [`super::Limits::header_bytes_max`] (KVS 4006).
    #[error("the header before the first cluster is longer than {max_bytes} bytes")]
    HeaderTooLarge {
        /// The limit.
        max_bytes: usize,
    },
    /// A fragment is longer than [`super::Limits::fragment_bytes_max`] (KVS 4001 MAX_FRAGMENT_SIZE_REACHED).
    #[error("the fragment at byte {offset} is longer than {max_bytes} bytes")]
    FragmentTooLarge {
        /// Where the fragment begins.
        offset: u64,
        /// The limit.
        max_bytes: usize,
    },
    /// More than [`super::Limits::tracks_max`] tracks (KVS 4005 MORE_THAN_ALLOWED_TRACKS_FOUND).
    #[error("the document declares {count} tracks, at most {max} are allowed")]
    TooManyTracks {
        /// Declared tracks.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// A block of a track that `Tracks` does not declare (KVS 4010 TRACK_NUMBER_MISMATCH).
    #[error("the block at byte {offset} belongs to track {track_number}, which is not declared")]
    UnknownTrack {
        /// Where the block begins.
        offset: u64,
        /// The number that the block gives.
        track_number: u64,
    },
    /// Too many, too long or too large tags (KVS 4009 FRAGMENT_METADATA_LIMIT_REACHED).
    #[error("fragment tags at byte {offset} exceed a limit: {reason}")]
    TagLimit {
        /// Where the Tags element begins.
        offset: u64,
        /// Which limit.
        reason: &'static str,
    },
}

/// What makes one element unacceptable, said by those who see its data alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementError {
    Ebml(EbmlError),
    Structure(&'static str),
    TooManyTracks { count: usize, max: usize },
    TagLimit(&'static str),
}

impl ElementError {
    /// The error of the element that begins at `offset`.
    pub(super) fn at(self, offset: u64) -> ReadError {
        match self {
            Self::Ebml(reason) => ReadError::Ebml { offset, reason },
            Self::Structure(reason) => ReadError::Structure { offset, reason },
            Self::TooManyTracks { count, max } => ReadError::TooManyTracks { count, max },
            Self::TagLimit(reason) => ReadError::TagLimit { offset, reason },
        }
    }
}

impl From<EbmlError> for ElementError {
    fn from(error: EbmlError) -> Self {
        Self::Ebml(error)
    }
}
