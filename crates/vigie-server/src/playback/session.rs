//! A playback session: what it plays and how, and the token that carries all of it.
//!
//! Sessions are stateless. The token is sealed (AES-256-GCM under a key that is derived from the master key for this
//! purpose), so that it can be neither read, nor made, nor changed outside, and any instance of the server can serve
//! it. It names one stream by name and creation time, and who asked for it or the share link that it was made with: it opens
//! nothing else, and nothing at all once that stream is gone or either has ended. Decides nothing about which fragments a
//! session shows.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use vigie_kvs::Operation;
use vigie_kvs::arn::{Place, StreamArn};
use vigie_kvs::operation::{GET_DASH_STREAMING_SESSION_URL, GET_HLS_STREAMING_SESSION_URL};
use vigie_kvs::shapes::archived_media::FragmentSelectorType;
use vigie_kvs::shapes::streaming_session::{ContainerFormat, DiscontinuityMode};
use vigie_media::Timestamp;

use super::codecs::Codecs;
use crate::auth::{Grant, MasterKey, SealError};

/// What a session plays and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlaybackSession {
    /// Tells sessions apart where the server remembers something of them.
    #[serde(rename = "i")]
    pub id: u64,
    #[serde(rename = "n")]
    pub stream_name: String,
    /// When the stream was created, in milliseconds: with the name, the ARN.
    #[serde(rename = "c")]
    pub stream_created_ms: i64,
    /// When the session was made.
    #[serde(rename = "t")]
    pub created_ms: i64,
    /// When it ends.
    #[serde(rename = "e")]
    pub expires_ms: i64,
    /// The protocol with its options.
    #[serde(rename = "p")]
    pub protocol: Protocol,
    /// With what it ends before.
    #[serde(flatten)]
    pub grant: Grant,
    /// By which clock fragments are chosen.
    #[serde(rename = "s")]
    pub selector: FragmentSelectorType,
    /// Which fragments.
    #[serde(rename = "m")]
    pub mode: Mode,
    /// Fragments of a playlist or manifest at most.
    #[serde(rename = "x")]
    pub fragments_max: u16,
    /// What a fragment has to hold to belong to the session.
    #[serde(rename = "k")]
    pub codecs: Codecs,
    /// DASH: bits a second of each track, as they were when the session was made: a manifest must not change them.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub bits_a_second: Vec<u64>,
}

/// How a session is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protocol {
    /// HTTP Live Streaming.
    #[serde(rename = "h")]
    Hls {
        /// What media is packed in.
        #[serde(rename = "c")]
        container: ContainerFormat,
        /// Where the player's timeline begins anew.
        #[serde(rename = "d")]
        discontinuity: DiscontinuityMode,
        /// Which fragments have an `EXT-X-PROGRAM-DATE-TIME`.
        #[serde(rename = "t")]
        date_times: DateTimes,
    },
    /// MPEG-DASH.
    #[serde(rename = "d")]
    Dash {
        /// `kvs:ts` for each fragment.
        #[serde(rename = "t")]
        display_timestamp: bool,
        /// `kvs:fn` for each fragment.
        #[serde(rename = "n")]
        display_number: bool,
    },
}

/// Where a playlist says what the time was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DateTimes {
    /// Nowhere.
    #[serde(rename = "n")]
    Never,
    /// At the beginning of each period, on the session's timeline: where a live session's source paused, players learn
    /// for how long. Shaka Player goes by the wall clock in between and would wait at the wrong place for ever.
    #[serde(rename = "p")]
    Periods,
    /// At each fragment, by the clock of the session's selector.
    #[serde(rename = "f")]
    Fragments,
}

/// Which fragments a session shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    /// From the fragment with this sequence on, the newest.
    #[serde(rename = "l")]
    Live {
        /// The first fragment that the session showed.
        #[serde(rename = "s")]
        first_sequence: u64,
        /// The media that it showed when it was made.
        #[serde(rename = "d")]
        initial_ms: i64,
    },
    /// From an instant on, at the pace of the media.
    #[serde(rename = "r")]
    LiveReplay {
        /// The first instant.
        #[serde(rename = "s")]
        start_ms: i64,
        /// The last one.
        #[serde(rename = "e")]
        end_ms: Option<i64>,
        /// How many fragments it showed when it was made.
        #[serde(rename = "n")]
        initial_count: u16,
        /// How much media that was.
        #[serde(rename = "d")]
        initial_ms: i64,
    },
    /// A range, all at once.
    #[serde(rename = "o")]
    OnDemand {
        /// The first instant.
        #[serde(rename = "s")]
        start_ms: i64,
        /// The last one.
        #[serde(rename = "e")]
        end_ms: i64,
    },
}

impl PlaybackSession {
    /// What made it, which its holder has to be allowed.
    pub(super) fn operation(&self) -> &'static Operation {
        match self.protocol {
            Protocol::Hls { .. } => &GET_HLS_STREAMING_SESSION_URL,
            Protocol::Dash { .. } => &GET_DASH_STREAMING_SESSION_URL,
        }
    }

    /// The token, fit for a URL's query. Ends with `~`, as the service's tokens do.
    pub(crate) fn seal(&self, master_key: &MasterKey) -> Result<String, SealError> {
        let content = serde_json::to_vec(self).map_err(|_| SealError::NotSealed)?;
        let purpose = if self.grant.is_of_a_key() { PURPOSE } else { PURPOSE_OF_OTHERS };
        let sealed = master_key.playback().seal(purpose, &content)?;
        Ok(format!("{}~", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// What a token holds; `None` when it is not one of this server's.
    pub(crate) fn open(master_key: &MasterKey, token: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(token.strip_suffix('~')?).ok()?;
        let open = |purpose| master_key.playback().open(purpose, &sealed);
        if let Ok(content) = open(PURPOSE) {
            return serde_json::from_slice(&content).ok();
        }
        let session: Self = serde_json::from_slice(&open(PURPOSE_OF_OTHERS).ok()?).ok()?;
        (!session.grant.is_of_a_key()).then_some(session)
    }

    pub(crate) fn stream_arn(&self, place: Place) -> StreamArn {
        StreamArn {
            place,
            stream_name: self.stream_name.clone(),
            creation_time: Timestamp::from_millis(self.stream_created_ms),
        }
    }

    /// Whether it has ended at `now`.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        now.as_millis() >= self.expires_ms
    }

    /// Whether its media is packed in MPEG transport streams.
    pub(crate) fn is_transport_stream(&self) -> bool {
        let ts = ContainerFormat::MpegTs;
        matches!(self.protocol, Protocol::Hls { container, .. } if container == ts)
    }

    /// Whether its playlist or manifest grows.
    pub(crate) fn is_live(&self) -> bool {
        !matches!(self.mode, Mode::OnDemand { .. })
    }
}

/// A form of the content that older servers do not understand gets another number.
const PURPOSE: &str = "playback session 2";
/// Of users and share links: servers that knew neither would not end it with them.
const PURPOSE_OF_OTHERS: &str = "playback session 3";

#[cfg(test)]
pub(super) fn example() -> PlaybackSession {
    PlaybackSession {
        id: 7,
        stream_name: "gate".into(),
        stream_created_ms: 1_795_000_000_000,
        created_ms: 1_795_363_060_000,
        expires_ms: 1_795_363_360_000,
        protocol: Protocol::Hls {
            container: ContainerFormat::FragmentedMp4,
            discontinuity: DiscontinuityMode::OnDiscontinuity,
            date_times: DateTimes::Never,
        },
        grant: Grant::of(crate::auth::Principal::AccessKey("AKIAEXAMPLE234567ABC".into())),
        selector: FragmentSelectorType::ProducerTimestamp,
        mode: Mode::OnDemand { start_ms: 1_795_363_000_000, end_ms: 1_795_363_600_000 },
        fragments_max: 1000,
        codecs: Codecs::default(),
        bits_a_second: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Principal;

    #[test]
    fn a_token_opens_under_its_master_key_alone_and_not_changed() {
        let key = MasterKey::from_bytes([7; 32]);
        let token = example().seal(&key).unwrap();
        assert_eq!(PlaybackSession::open(&key, &token), Some(example()));
        assert_eq!(PlaybackSession::open(&MasterKey::from_bytes([8; 32]), &token), None);
        assert!(token.ends_with('~') && token.len() < 400, "{token}");
        let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
        assert!(token.bytes().all(fit), "{token}");
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character of base64 may hold bits that mean nothing; the decoder refuses those too.
            assert_eq!(PlaybackSession::open(&key, &changed), None, "changed at {at}");
        }
        for wrong in ["", "~", "AAAA~", &token[..token.len() - 1], &token[4..], "é~"] {
            assert_eq!(PlaybackSession::open(&key, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_of_a_server_that_did_not_note_the_key_still_opens() {
        let mut older = serde_json::to_value(example()).unwrap();
        older.as_object_mut().unwrap().remove("a").unwrap();
        let older: PlaybackSession = serde_json::from_value(older).unwrap();
        assert_eq!(older, PlaybackSession { grant: Grant::default(), ..example() });
        let key = MasterKey::from_bytes([7; 32]);
        assert_eq!(PlaybackSession::open(&key, &older.seal(&key).unwrap()), Some(older));
    }

    #[test]
    fn a_session_of_a_user_or_a_link_opens_for_servers_that_know_them_alone() {
        let key = MasterKey::from_bytes([7; 32]);
        let user = Principal::User { id: "AIDAEXAMPLE234567ABC".into(), sessions_epoch: 3 };
        let link = Grant { share_link_id: Some("0123456789abcdef".into()), ..Grant::default() };
        for grant in [Grant::of(user), link] {
            let session = PlaybackSession { grant, ..example() };
            let token = session.seal(&key).unwrap();
            assert_eq!(PlaybackSession::open(&key, &token), Some(session));
            assert!(token.len() < 440, "{token}");
            let sealed = URL_SAFE_NO_PAD.decode(token.trim_end_matches('~')).unwrap();
            assert!(key.playback().open(PURPOSE, &sealed).is_err());
        }
        // Without its user or link it would never end.
        let nobodys = PlaybackSession { grant: Grant::default(), ..example() };
        let content = serde_json::to_vec(&nobodys).unwrap();
        let sealed = key.playback().seal(PURPOSE_OF_OTHERS, &content).unwrap();
        let token = format!("{}~", URL_SAFE_NO_PAD.encode(sealed));
        assert_eq!(PlaybackSession::open(&key, &token), None);
    }

    #[test]
    fn a_secret_sealed_under_the_master_key_is_no_token() {
        let key = MasterKey::from_bytes([7; 32]);
        let content = serde_json::to_vec(&example()).unwrap();
        let sealed = key.seal(PURPOSE, &content).unwrap();
        let token = format!("{}~", URL_SAFE_NO_PAD.encode(sealed));
        assert_eq!(PlaybackSession::open(&key, &token), None);
    }

    #[test]
    fn a_session_ends_at_its_time_and_names_one_stream() {
        let session = example();
        assert!(!session.has_expired(Timestamp::from_millis(1_795_363_359_999)));
        assert!(session.has_expired(Timestamp::from_millis(1_795_363_360_000)));
        let arn = session.stream_arn(Place::new("us-east-1", "000000000000")).to_string();
        assert_eq!(arn, "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1795000000000");
    }
}
