//! What must hold of the media of a camera that speaks RTSP: what arrived is stored whole, what is damaged or missing is
//! marked or told, and everything lies where it belongs in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind};
use vigie_media::Timestamp;
use vigie_media::matroska::{DocumentHeader, Limits, fragment_frames};

use super::{SETTLED_MS, hub_fragments, ledger_entries};
use crate::hub::COMMIT_INTERVAL;
use crate::rtsp_camera::pictures;
use crate::world::World;
use crate::world::camera_link::SentPicture;

/// The mark of a fragment of which packets were lost, as it stands in its metadata.
const LOSSY_MARK: &[u8] = b"VIGIE_RTP_PACKETS_LOST";
/// How far from its arrival a picture may lie.
const OFF_MS_MAX: i64 = 250;
/// What a crash may cost beside the time between commits: the batch that was on its way, and its writing.
const BATCH_MS_MAX: i64 = 500;

/// The length of a picture. The last one of a session that falls silent may be held for the next one's beginning, which
/// alone tells that it is whole; it goes with the session, and the gap that is told has it.
const PICTURE_MS: i64 = 40;

/// A picture as the hub holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPicture {
    pub number: u64,
    /// Whether none of it is missing.
    pub is_whole: bool,
    /// Its producer timestamp.
    pub at: Timestamp,
    /// Where in the list of fragments its own is.
    fragment: usize,
}

/// A fragment as the hub holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFragment {
    from: Timestamp,
    /// Its end, or the next one's beginning.
    until: Timestamp,
    /// It says that packets were lost.
    pub is_lossy: bool,
}

/// All pictures on the hub, and their fragments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredMedia {
    /// Oldest first.
    pub pictures: Vec<StoredPicture>,
    /// Oldest first.
    pub fragments: Vec<StoredFragment>,
}

impl StoredMedia {
    /// What the hub holds now.
    pub fn of(world: &World) -> Self {
        let mut media = Self::default();
        let Some(reader) = world.hub.reader() else { return media };
        for (at, fragment) in hub_fragments(world).iter().enumerate() {
            let header = reader
                .read_document_header(&fragment.media_file)
                .unwrap_or_else(|error| panic!("document header: {error}"));
            let header = DocumentHeader::parse(&header, Limits::KVS)
                .unwrap_or_else(|error| panic!("document header: {error}"));
            let bytes = reader.read(fragment).unwrap_or_else(|error| panic!("fragment: {error}"));
            let is_lossy = bytes.windows(LOSSY_MARK.len()).any(|window| window == LOSSY_MARK);
            for frame in fragment_frames(&header, bytes) {
                let frame = frame.unwrap_or_else(|error| panic!("frame: {error}"));
                let number = pictures::number(&frame.data);
                let number = number.unwrap_or_else(|| panic!("a picture that nobody sent"));
                media.pictures.push(StoredPicture {
                    number,
                    is_whole: *frame.data == pictures::stored(number),
                    at: Timestamp::from_millis(frame.timecode_ms),
                    fragment: at,
                });
            }
            let entry = &fragment.entry;
            let from = entry.producer_timestamp;
            if let Some(last) = media.fragments.last_mut() {
                last.until = last.until.max(from);
            }
            let until = entry.producer_until();
            media.fragments.push(StoredFragment { from, until, is_lossy });
        }
        media
    }

    /// Whether a picture lies there.
    pub fn has_any(&self, from: Timestamp, within: Duration) -> bool {
        let until = from + within;
        self.pictures.iter().any(|picture| from <= picture.at && picture.at <= until)
    }
}

/// All of the module, at any moment.
pub fn camera_media_is_well(world: &World) {
    let media = StoredMedia::of(world);
    nothing_is_damaged_in_silence(world, &media);
    times_rise_and_are_near_arrival(world, &media);
    what_arrived_is_stored(world, &media);
}

/// A fragment without a mark has no damaged picture, and none is missing in it, nor between it and the next one of the
/// session, unless that one is marked.
fn nothing_is_damaged_in_silence(world: &World, media: &StoredMedia) {
    let is_marked = |picture: &StoredPicture| media.fragments[picture.fragment].is_lossy;
    let sent: BTreeMap<u64, u64> =
        world.rtsp.sent.iter().map(|sent| (sent.number, sent.connection)).collect();
    for picture in &media.pictures {
        let is_fine = picture.is_whole || is_marked(picture);
        assert!(is_fine, "damaged, and its fragment is not marked: {picture:?}");
    }
    for pair in media.pictures.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        assert!(one.number < next.number, "out of order: {one:?}, {next:?}");
        let is_one_session = sent.get(&one.number) == sent.get(&next.number);
        if is_one_session && next.number > one.number + 1 {
            let is_fine = is_marked(one) || is_marked(next);
            assert!(is_fine, "missing, and nothing is marked: between {one:?} and {next:?}");
        }
    }
}

/// Times rise, and lie between sending and arrival or near.
fn times_rise_and_are_near_arrival(world: &World, media: &StoredMedia) {
    let mut sent: BTreeMap<u64, Vec<&SentPicture>> = BTreeMap::new();
    for picture in &world.rtsp.sent {
        sent.entry(picture.number).or_default().push(picture);
    }
    for pair in media.pictures.windows(2) {
        assert!(pair[0].at < pair[1].at, "time does not rise: {pair:?}");
    }
    for picture in &media.pictures {
        let off_ms = |sent: &&SentPicture| {
            let arrived = sent.arrived.unwrap_or(sent.at);
            sent.at.millis_since(picture.at).max(picture.at.millis_since(arrived)).max(0)
        };
        let off_ms = sent.get(&picture.number).into_iter().flatten().map(off_ms).min();
        assert!(off_ms.is_some_and(|off| off <= OFF_MS_MAX), "off by {off_ms:?} ms: {picture:?}");
    }
}

/// What arrived whole is stored whole, but for what nothing can be made of: what came before its session's first key
/// frame, what a crash took, and what lies in a fragment that is marked or where the ledger tells of a gap.
fn what_arrived_is_stored(world: &World, media: &StoredMedia) {
    let whole = media.pictures.iter().filter(|picture| picture.is_whole);
    let whole: BTreeSet<u64> = whole.map(|picture| picture.number).collect();
    let stored_at: BTreeMap<u64, Timestamp> =
        media.pictures.iter().map(|picture| (picture.number, picture.at)).collect();
    let connections: BTreeMap<u64, u64> =
        world.rtsp.sent.iter().map(|sent| (sent.number, sent.connection)).collect();
    let gaps = ledger_entries(world, LedgerKind::Gap);
    let mut first_keys: BTreeMap<u64, u64> = BTreeMap::new();
    for sent in world.rtsp.sent.iter().filter(|s| s.is_whole() && pictures::is_key(s.number)) {
        first_keys.entry(sent.connection).or_insert(sent.number);
    }
    let settled = world.now().wall.plus_millis(-SETTLED_MS);
    for sent in world.rtsp.sent.iter().filter(|sent| sent.is_whole()) {
        let Some(arrived) = sent.arrived else { continue };
        let may_be_used =
            first_keys.get(&sent.connection).is_some_and(|first| *first <= sent.number);
        if arrived > settled || !may_be_used || whole.contains(&sent.number) {
            continue;
        }
        let cost = COMMIT_INTERVAL.as_millis() as i64 + BATCH_MS_MAX;
        let is_crashed = world.hub_crashes().iter().any(|(crash, _)| {
            let before_ms = crash.millis_since(arrived);
            (0..=cost).contains(&before_ms)
        });
        let is_marked = media.fragments.iter().any(|fragment| {
            let off = fragment.from.millis_since(arrived).max(sent.at.millis_since(fragment.until));
            fragment.is_lossy && off <= OFF_MS_MAX
        });
        // A gap begins where the last stored picture ends, on the session's time line and not by arrival: with a first
        // picture that was late, all of the line lies later, and the picture that is missing would lie there.
        let former = stored_at.range(..sent.number).next_back();
        let former = former.filter(|(number, _)| connections.get(number) == Some(&sent.connection));
        let would_be_at = former.map_or(arrived, |(number, at)| {
            at.plus_millis((sent.number - number) as i64 * PICTURE_MS).max(arrived)
        });
        let is_told = |gap: &LedgerEntry| {
            gap.start_timestamp.plus_millis(-PICTURE_MS) <= would_be_at
                && sent.at <= gap.end_timestamp
        };
        assert!(
            is_crashed || is_marked || gaps.iter().any(is_told),
            "it arrived, and is neither stored nor told of: {sent:?}; gaps {gaps:?}"
        );
    }
}
