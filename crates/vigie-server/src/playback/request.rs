//! What a session's URL asks for: its path, its query and the session that its token opens. Pure.
//!
//! All of it comes from anybody. Nothing is looked up here: whether the session's stream and media are there is
//! [`super::serve`]'s to say.

use url::form_urlencoded;
use vigie_engine::rate_limit::{AWS_SESSION_FRAGMENTS, AWS_SESSION_PLAYLISTS};
use vigie_kvs::{ErrorKind, FragmentNumber, KvsError};
use vigie_media::Timestamp;

use super::session::PlaybackSession;
use crate::auth::MasterKey;
use crate::guard::Counted;

/// Longest query that is looked at: a token of the longest stream name is well below.
const QUERY_BYTES_MAX: usize = 4096;

/// The reader of a session's URL as the fuzzer calls it.
#[derive(Debug)]
pub struct SessionUrl {
    session: PlaybackSession,
}

impl SessionUrl {
    /// What a path and a query open under this key at `now`; `None` for a path that is none of a session.
    pub fn read(
        path: &str,
        query: &str,
        key: &MasterKey,
        now: Timestamp,
    ) -> Option<Result<Self, KvsError>> {
        Asked::of(path)?;
        let read = || Ok(Self { session: open(key, &Parameters::of(query)?, now)? });
        Some(read())
    }

    /// What the token holds, as JSON.
    pub fn content(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.session).ok()
    }

    /// A token with this content and the time at which it ends, in milliseconds since the epoch; `None` when the
    /// content is that of no session.
    pub fn token(content: &[u8], key: &MasterKey) -> Option<(String, i64)> {
        let session: PlaybackSession = serde_json::from_slice(content).ok()?;
        Some((session.seal(key).ok()?, session.expires_ms))
    }
}

/// What a URL of a session asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    HlsMasterPlaylist,
    HlsMediaPlaylist,
    Mp4InitFragment,
    Mp4MediaFragment,
    TsFragment,
    DashManifest,
}

impl Asked {
    /// By the paths of the service.
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/hls/v1/getHLSMasterPlaylist.m3u8" => Self::HlsMasterPlaylist,
            "/hls/v1/getHLSMediaPlaylist.m3u8" => Self::HlsMediaPlaylist,
            "/hls/v1/getMP4InitFragment.mp4" | "/dash/v1/getMP4InitFragment.mp4" => {
                Self::Mp4InitFragment
            }
            "/hls/v1/getMP4MediaFragment.mp4" | "/dash/v1/getMP4MediaFragment.mp4" => {
                Self::Mp4MediaFragment
            }
            "/hls/v1/getTSFragment.ts" => Self::TsFragment,
            "/dash/v1/getDASHManifest.mpd" => Self::DashManifest,
            _ => return None,
        })
    }

    /// For metrics and logs; the names of the service's metrics.
    pub(super) const fn operation(self) -> &'static str {
        match self {
            Self::HlsMasterPlaylist => "GetHLSMasterPlaylist",
            Self::HlsMediaPlaylist => "GetHLSMediaPlaylist",
            Self::Mp4InitFragment => "GetMP4InitFragment",
            Self::Mp4MediaFragment => "GetMP4MediaFragment",
            Self::TsFragment => "GetTSFragment",
            Self::DashManifest => "GetDASHManifest",
        }
    }

    /// What of it a session may ask for.
    pub(super) const fn counted(self) -> Counted {
        let aws = match self {
            Self::HlsMasterPlaylist
            | Self::HlsMediaPlaylist
            | Self::DashManifest
            | Self::Mp4InitFragment => AWS_SESSION_PLAYLISTS,
            Self::Mp4MediaFragment | Self::TsFragment => AWS_SESSION_FRAGMENTS,
        };
        Counted { name: self.operation(), aws }
    }
}

/// The query of a session's URL.
#[derive(Debug, Default)]
pub(super) struct Parameters {
    pub(super) token: String,
    pub(super) track_number: Option<usize>,
    pub(super) parameters_id: Option<u64>,
    pub(super) fragment_number: Option<FragmentNumber>,
    pub(super) producer_timestamp: Option<Timestamp>,
}

impl Parameters {
    pub(super) fn of(query: &str) -> Result<Self, KvsError> {
        if query.len() > QUERY_BYTES_MAX {
            return Err(KvsError::invalid_argument("the query is too long"));
        }
        let mut found = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |what: &str| KvsError::invalid_argument(format!("{name} must be {what}"));
            match &*name {
                "SessionToken" => found.token = value.into_owned(),
                "TrackNumber" => {
                    let number = value.parse().map_err(|_| wrong("the number of a track"))?;
                    found.track_number = Some(number);
                }
                "SequenceNumber" => {
                    let number = value.parse().map_err(|_| wrong("a number of a playlist"))?;
                    found.parameters_id = Some(number);
                }
                "ProducerTimestamp" => {
                    let millis = value.parse().map_err(|_| wrong("a time of a manifest"))?;
                    found.producer_timestamp = Some(Timestamp::from_millis(millis));
                }
                "FragmentNumber" => {
                    let number = value.parse().map_err(|_| wrong("the number of a fragment"))?;
                    found.fragment_number = Some(number);
                }
                _ => {}
            }
        }
        if found.token.is_empty() {
            let message = "SessionToken is missing";
            return Err(KvsError::new(ErrorKind::MissingAuthenticationToken, message));
        }
        Ok(found)
    }
}

/// The session of a request that may still play at `now`.
pub(super) fn open(
    key: &MasterKey,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<PlaybackSession, KvsError> {
    let session = PlaybackSession::open(key, &parameters.token).ok_or_else(|| {
        let message = "the session token is not valid; ask for a new streaming session URL";
        KvsError::new(ErrorKind::UnrecognizedClient, message)
    })?;
    if session.has_expired(now) {
        let message = "the session token has expired; ask for a new streaming session URL";
        return Err(KvsError::new(ErrorKind::ExpiredToken, message));
    }
    Ok(session)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_read_whatever_the_order_and_escapes() {
        let query = "TrackNumber=2&SessionToken=Ab-_%7E&FragmentNumber=\
                     91343852333182036507421233921329142742245756394&SequenceNumber=7&x=y";
        let found = Parameters::of(query).unwrap();
        assert_eq!((found.token.as_str(), found.track_number), ("Ab-_~", Some(2)));
        assert_eq!(found.fragment_number.map(FragmentNumber::sequence), Some(122_001));
        assert_eq!(found.parameters_id, Some(7));
        let check = |query: &str, kind| assert_eq!(Parameters::of(query).unwrap_err().kind, kind);
        check("", ErrorKind::MissingAuthenticationToken);
        check("SessionToken=", ErrorKind::MissingAuthenticationToken);
        for wrong in
            ["TrackNumber=-1", "FragmentNumber=7", "SequenceNumber=x", "ProducerTimestamp="]
        {
            check(&format!("SessionToken=a&{wrong}"), ErrorKind::InvalidArgument);
        }
        check(&"a".repeat(QUERY_BYTES_MAX + 1), ErrorKind::InvalidArgument);
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_panic(query in "\\PC{0,80}|([A-Za-z]{0,16}=[0-9%A-F~-]{0,60}&?){0,4}") {
            if let Ok(found) = Parameters::of(&query) {
                let key = crate::auth::MasterKey::from_bytes([7; 32]);
                prop_assert!(PlaybackSession::open(&key, &found.token).is_none(), "nothing is guessable");
            }
        }
    }
}
