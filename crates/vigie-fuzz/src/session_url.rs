//! URLs of playback sessions: nothing that was not sealed opens, what was sealed opens as it was, and ends at its time.

use std::sync::OnceLock;

use vigie_kvs::ErrorKind;
use vigie_media::Timestamp;
use vigie_server::SessionUrl;
use vigie_server::auth::MasterKey;

/// The key of no seed of the corpus.
fn key() -> &'static MasterKey {
    static KEY: OnceLock<MasterKey> = OnceLock::new();
    KEY.get_or_init(|| MasterKey::from_bytes([7; 32]))
}

/// The first line is a path and a query, the rest the content of a token.
pub fn session_url(data: &[u8]) {
    let (target, content) = crate::first_line(data);
    let Ok(target) = std::str::from_utf8(target) else { return };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let read = SessionUrl::read(path, query, key(), Timestamp::from_millis(0));
    if let Some(Err(error)) = &read {
        let expected = [
            ErrorKind::InvalidArgument,
            ErrorKind::MissingAuthenticationToken,
            ErrorKind::UnrecognizedClient,
        ];
        assert!(expected.contains(&error.kind), "{error:?}");
    }
    assert!(!matches!(read, Some(Ok(_))), "a token was guessed");
    sealed(path, query, content);
}

/// A session with this content, in a URL of this path with these other parameters.
fn sealed(path: &str, query: &str, content: &[u8]) {
    let Some((token, expires_ms)) = SessionUrl::token(content, key()) else { return };
    // What stands last counts; a `#` would end a URL, and what is too long is refused.
    let query = format!("{query}&SessionToken={token}");
    let at = |ms| SessionUrl::read(path, &query, key(), Timestamp::from_millis(ms));
    let Some(before) = at(expires_ms.saturating_sub(1)) else { return };
    match before {
        Ok(url) => {
            let Some(read) = url.content() else { panic!("a session that cannot be written") };
            let Some((again, _)) = SessionUrl::token(&read, key()) else {
                panic!("a session that cannot be read again")
            };
            assert_ne!(again, token, "each sealing has a nonce of its own");
            let ended = at(expires_ms);
            let Some(Err(error)) = ended else { panic!("the session does not end") };
            assert_eq!(error.kind, ErrorKind::ExpiredToken);
            changed(path, &token, expires_ms.saturating_sub(1));
        }
        // The other parameters are at fault, or the time before it ends is none.
        Err(error) => {
            assert!(error.kind == ErrorKind::InvalidArgument || expires_ms == i64::MIN, "{error:?}")
        }
    }
}

/// Every part of a token matters.
fn changed(path: &str, token: &str, now_ms: i64) {
    for at in [0, token.len() / 3, token.len() / 2, token.len() - 2] {
        let (head, tail) = token.split_at(at);
        let other = if tail.starts_with('A') { 'B' } else { 'A' };
        let query = format!("SessionToken={head}{other}{}", &tail[1..]);
        let read = SessionUrl::read(path, &query, key(), Timestamp::from_millis(now_ms));
        assert!(matches!(read, Some(Err(_))), "a changed token opens");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form that is not read any more would leave most of the target unasked.
    #[test]
    fn the_seeds_hold_sessions_of_the_form_that_is_sealed() {
        for seed in [
            &include_bytes!("../../../fuzz/corpus/session_url/hls_media")[..],
            include_bytes!("../../../fuzz/corpus/session_url/ts"),
            include_bytes!("../../../fuzz/corpus/session_url/dash"),
        ] {
            let (_, content) = crate::first_line(seed);
            assert!(SessionUrl::token(content, key()).is_some());
        }
    }
}
