//! What a clip file's URL opens: one file of one stream, in all that it is made of, sealed into the URL's token.
//!
//! Stateless like a playback session: any instance of the server can serve it, and go on with it after a restart. It names
//! the fragments by their place and by a fingerprint, so that a URL stands for the same bytes as long as it holds, or for
//! nothing. Decides nothing about what is in a file.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use vigie_kvs::arn::{Place, StreamArn};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use crate::auth::{Grant, MasterKey, SealError};

/// One file, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ClipFileSession {
    /// For quotas.
    #[serde(rename = "i")]
    pub id: u64,
    #[serde(rename = "n")]
    pub stream_name: String,
    /// When the stream was created, in milliseconds: with the name, the ARN.
    #[serde(rename = "c")]
    pub stream_created_ms: i64,
    /// When the URL ends.
    #[serde(rename = "e")]
    pub expires_ms: i64,
    /// With what it ends before.
    #[serde(rename = "g")]
    pub grant: Grant,
    /// Of the whole range: where its first fragment may begin, by the producer's clock, …
    #[serde(rename = "s")]
    pub start_ms: i64,
    /// … and its last.
    #[serde(rename = "u")]
    pub end_ms: i64,
    /// The newest fragment when the range was looked at: what has come since does not change the file.
    #[serde(rename = "q")]
    pub newest_sequence: u64,
    /// Sequences of the file's first fragment and of its last, in the order of the producer's clock.
    #[serde(rename = "f")]
    pub ends: (u64, u64),
    /// Of all its fragments.
    #[serde(rename = "p")]
    pub fingerprint: Fingerprint,
}

/// Tells the fragments of one file from those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Fingerprint(#[serde(with = "base16")] pub [u8; 16]);

mod base16 {
    //! As text, which is half as long as a list of numbers in JSON.

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 16], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&base16ct::lower::encode_string(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
        let text = String::deserialize(from)?;
        let mut bytes = [0; 16];
        let read_bytes = base16ct::lower::decode(&text, &mut bytes).map_or(0, <[u8]>::len);
        match read_bytes == bytes.len() {
            true => Ok(bytes),
            false => Err(D::Error::custom("not 16 bytes in base 16")),
        }
    }
}

impl ClipFileSession {
    /// The token, fit for a URL's query.
    pub(super) fn seal(&self, master_key: &MasterKey) -> Result<String, SealError> {
        let content = serde_json::to_vec(self).map_err(|_| SealError::NotSealed)?;
        let sealed = master_key.playback().seal(PURPOSE, &content)?;
        Ok(format!("{}~", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// What a token of this server holds, if it still holds at `now`.
    pub(super) fn open(
        master_key: &MasterKey,
        token: &str,
        now: Timestamp,
    ) -> Result<Self, KvsError> {
        let session = Self::read(master_key, token).ok_or_else(|| {
            let message = "the token of the file is not valid; save the clip again";
            KvsError::new(ErrorKind::UnrecognizedClient, message)
        })?;
        if now.as_millis() >= session.expires_ms {
            let message = "the URL of the file has expired; save the clip again";
            return Err(KvsError::new(ErrorKind::ExpiredToken, message));
        }
        Ok(session)
    }

    fn read(master_key: &MasterKey, token: &str) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(token.strip_suffix('~')?).ok()?;
        let content = master_key.playback().open(PURPOSE, &sealed).ok()?;
        serde_json::from_slice(&content).ok()
    }

    pub(super) fn stream_arn(&self, place: Place) -> StreamArn {
        StreamArn {
            place,
            stream_name: self.stream_name.clone(),
            creation_time: Timestamp::from_millis(self.stream_created_ms),
        }
    }
}

/// A form of the content that older servers do not understand gets another number.
const PURPOSE: &str = "clip file 1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Principal;

    fn example() -> ClipFileSession {
        ClipFileSession {
            id: 7,
            stream_name: "gate".into(),
            stream_created_ms: 1_795_000_000_000,
            expires_ms: 1_795_363_360_000,
            grant: Grant::of(Principal::AccessKey("AKIAEXAMPLE".into())),
            start_ms: 1_795_363_000_000,
            end_ms: 1_795_363_600_000,
            newest_sequence: 99,
            ends: (3, 70),
            fingerprint: Fingerprint([0xA5; 16]),
        }
    }

    #[test]
    fn a_token_opens_under_its_master_key_alone_and_until_its_time() {
        let key = MasterKey::from_bytes([7; 32]);
        let token = example().seal(&key).unwrap();
        let open = |key: &MasterKey, token: &str, now_ms| {
            ClipFileSession::open(key, token, Timestamp::from_millis(now_ms))
                .map_err(|error| error.kind)
        };
        assert_eq!(open(&key, &token, 1_795_363_359_999), Ok(example()));
        assert_eq!(open(&key, &token, 1_795_363_360_000), Err(ErrorKind::ExpiredToken));
        let unknown = Err(ErrorKind::UnrecognizedClient);
        assert_eq!(open(&MasterKey::from_bytes([8; 32]), &token, 0), unknown);
        for wrong in ["", "~", "AAAA~", &token[..token.len() - 1], &token[4..]] {
            assert_eq!(open(&key, wrong, 0), unknown, "{wrong}");
        }
        let changed = token.replacen(&token[8..9], if &token[8..9] == "A" { "B" } else { "A" }, 1);
        assert_eq!(open(&key, &changed, 0), unknown);
    }

    #[test]
    fn whoever_asked_for_a_file_is_in_its_token() {
        let key = MasterKey::from_bytes([7; 32]);
        let user = Principal::User { id: "AIDAEXAMPLE".into(), sessions_epoch: 3 };
        let link = Grant { principal: None, share_link_id: Some("0123456789abcdef".into()) };
        for grant in [Grant::default(), Grant::of(user), link] {
            let session = ClipFileSession { grant, ..example() };
            let token = session.seal(&key).unwrap();
            let opened = ClipFileSession::open(&key, &token, Timestamp::from_millis(0));
            assert_eq!(opened.map_err(|error| error.kind), Ok(session));
        }
    }
}
