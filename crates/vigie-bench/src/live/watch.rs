//! One viewer of one stream, who knows from the camera which fragments to expect and asks for the playlist until each is
//! there.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use vigie_camera::SentGroup;
use vigie_kvs::sigv4::Credentials;

use crate::Outcome;
use crate::client::Caller;
use crate::playback::{Viewer, session_url};
use crate::source::Source;

/// Between two looks at a playlist that lacks a fragment; asking itself comes on top, and both are told.
const POLL: Duration = Duration::from_millis(1);
/// Between two looks whether the camera has sent a fragment.
const IDLE: Duration = Duration::from_millis(2);
/// A fragment that is not there then counts as not seen.
const UNSEEN_AFTER: Duration = Duration::from_secs(10);
/// A stream has no session before its first fragment.
const SESSION_AGAIN: Duration = Duration::from_millis(200);
const SESSION_MAX: Duration = Duration::from_secs(30);
/// Groups of pictures are two seconds long: a fragment's own time is nearer than half of that to when its camera sent
/// its key frame, and no other's is.
const NEAR_MS: u64 = 1000;

/// A fragment that came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// From the last packet sent to the end of the answer that has its line.
    pub(super) latency: Duration,
    /// From the question before, which was answered without it, to that end: it came in that time. `None` when the
    /// first question was answered with it.
    pub(super) uncertainty: Option<Duration>,
}

/// What one viewer saw.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) seen: Vec<Seen>,
    pub(super) unseen: u64,
}

/// Watches a camera's stream; counts the fragments whose last packet left within `time`.
pub(super) async fn watch(
    address: SocketAddr,
    credentials: &Arc<Credentials>,
    stream: &str,
    source: &Source,
    camera: usize,
    time: Range<Instant>,
) -> Outcome<Watched> {
    let playlist = playlist(address, credentials, stream).await?;
    let mut viewer = Viewer::connect(address).await?;
    let mut watched = Watched::default();
    while Instant::now() < time.end {
        for group in source.take_sent_groups(camera) {
            if !time.contains(&group.ended) {
                continue;
            }
            match await_line(&mut viewer, &playlist, &group).await? {
                Some(seen) => watched.seen.push(seen),
                None => watched.unseen += 1,
            }
        }
        tokio::time::sleep(IDLE).await;
    }
    Ok(watched)
}

async fn await_line(
    viewer: &mut Viewer,
    playlist: &str,
    group: &SentGroup,
) -> Outcome<Option<Seen>> {
    let mut asked_before = None;
    loop {
        let asked = Instant::now();
        let text = viewer.text(playlist).await?;
        let answered = Instant::now();
        let latency = answered.saturating_duration_since(group.ended);
        if has_line(&text, group.begun.as_millis())? {
            let uncertainty = asked_before.map(|asked| answered.saturating_duration_since(asked));
            return Ok(Some(Seen { latency, uncertainty }));
        }
        if latency > UNSEEN_AFTER {
            return Ok(None);
        }
        asked_before = Some(asked);
        tokio::time::sleep(POLL).await;
    }
}

/// Whether a playlist tells of a fragment that begins about then.
fn has_line(text: &str, begun_ms: i64) -> Outcome<bool> {
    let times = text.lines().filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    for time in times {
        let at: jiff::Timestamp = time.trim().parse()?;
        if at.as_millisecond().abs_diff(begun_ms) < NEAR_MS {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Path and query of the media playlist of a new session.
async fn playlist(
    address: SocketAddr,
    credentials: &Arc<Credentials>,
    stream: &str,
) -> Outcome<String> {
    let deadline = Instant::now() + SESSION_MAX;
    let input = json!({
        "StreamName": stream, "PlaybackMode": "LIVE", "Expires": 43_200,
        "DisplayFragmentTimestamp": "ALWAYS",
        "HLSFragmentSelector": {"FragmentSelectorType": "PRODUCER_TIMESTAMP"},
    });
    loop {
        let mut caller = Caller::connect(address, credentials).await?;
        match session_url(&mut caller, &input).await {
            Ok(master) => {
                return Ok(master.replace("getHLSMasterPlaylist.m3u8", "getHLSMediaPlaylist.m3u8"));
            }
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(SESSION_AGAIN).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_known_by_its_time() {
        let text =
            "#EXTM3U\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T19:40:40.007Z\n#EXTINF:2.000,\nx\n";
        let at = "2026-11-22T19:40:40.007Z".parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert!(has_line(text, at).unwrap());
        assert!(has_line(text, at + 240).unwrap());
        assert!(!has_line(text, at + 2000).unwrap());
        assert!(!has_line("#EXTM3U\n", at).unwrap());
    }
}
