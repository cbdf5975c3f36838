//! Files that were broken off, or are otherwise not what a player would like: every frame that is whole comes, and what
//! is missing is said.

use bytes::Bytes;
use vigie_engine::recorder::Failure;
use vigie_store::OsDisk;
use vigie_store::disk::Disk;

use super::files::{data, ended_with, events, frames, is_ended};
use super::sources::{file_source, wall};
use super::*;
use crate::core::{SourceEvent, SourceFrame};

const NAMES: [&str; 3] =
    ["h264_aac_fragmented.mp4", "h264_bframes_fragmented.mp4", "h264_bframes_mulaw.mkv"];

fn read(name: &str) -> Bytes {
    let file = OsDisk.open_read_only(&fixture(name)).unwrap();
    file.read_exact_at(0, file.length_bytes().unwrap() as usize).unwrap()
}

/// What a source says of a file with this content.
async fn said(content: &[u8]) -> Vec<SourceEvent> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.file");
    OsDisk.create_new(&path).unwrap().write_all_at(&[content], 0).unwrap();
    events(file_source(path.display().to_string()), is_ended).await
}

fn of_track(frames: &[SourceFrame], number: u64) -> Vec<Bytes> {
    let of = frames.iter().filter(|frame| frame.track_number == number);
    of.map(|frame| frame.data.to_bytes()).collect()
}

fn is_broken_off(events: &[SourceEvent]) -> bool {
    events.iter().any(|event| matches!(event, SourceEvent::FileBrokenOff { .. }))
}

/// A generator that one number determines (xorshift).
fn pseudorandom(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed | 1;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    }
}

#[tokio::test]
async fn a_cut_file_gives_every_frame_that_is_whole_and_says_that_it_is_cut() {
    for name in NAMES {
        let whole = read(name);
        let all = frames(&said(&whole).await);
        assert!(!is_broken_off(&said(&whole).await), "{name}");
        for seed in [1, 0xC0FFEE, 20_261_129] {
            let mut random = pseudorandom(seed);
            let (mut best, mut cuts) = (0, Vec::new());
            for _ in 0..25 {
                cuts.push(whole.len() / 8 + random(whole.len() * 7 / 8));
            }
            cuts.sort_unstable();
            for cut in cuts {
                let said = said(&whole[..cut]).await;
                let found = frames(&said);
                for number in [1, 2] {
                    let (found, all) = (of_track(&found, number), of_track(&all, number));
                    // The last bytes of G.711 are a frame of their own where they are not all there.
                    let same =
                        found.iter().zip(&all).take_while(|(one, other)| one == other).count();
                    assert!(
                        found.len() - same <= usize::from(name.contains("law")),
                        "{name} cut at {cut}"
                    );
                }
                // A frame lies in the file if its bytes do: each of these is found before the cut, and no whole one is
                // missing.
                let bytes: usize = found.iter().map(|frame| frame.data.len()).sum();
                assert!(bytes <= cut && found.len() >= best, "{name} cut at {cut}, seed {seed}");
                best = found.len();
                let ended = ended_with(&said);
                match found.is_empty() {
                    true => assert_eq!(ended, Some(Failure::FileNotMedia), "{name} cut at {cut}"),
                    false => assert_eq!(ended, None, "{name} cut at {cut}"),
                }
            }
            assert!(best > all.len() / 2, "{name}, seed {seed}");
        }
    }
}

#[tokio::test]
async fn what_comes_behind_the_cut_adds_nothing() {
    for name in NAMES {
        let whole = read(name);
        let cut = whole.len() * 3 / 5;
        let expect = of_track(&frames(&said(&whole[..cut]).await), 1);
        for zeros in [33, 5_000, 3 << 20] {
            let said = said(&[&whole[..cut], &vec![0; zeros]].concat()).await;
            assert!(is_broken_off(&said), "{name} and {zeros} zeros");
            assert_eq!(of_track(&frames(&said), 1), expect, "{name} and {zeros} zeros");
        }
    }
}

#[tokio::test]
async fn a_cut_file_is_laid_in_time_so_that_what_is_there_ends_when_its_recording_began() {
    let whole = read("h264_aac_fragmented.mp4");
    let said = said(&whole[..whole.len() * 3 / 5]).await;
    let newest = frames(&said).iter().map(wall).max().unwrap();
    assert!((0..200).contains(&START.millis_since(newest)));
    let after = said.iter().find_map(|event| match event {
        SourceEvent::FileBrokenOff { after } => Some(*after),
        _ => None,
    });
    let first = frames(&said).iter().map(wall).min().unwrap();
    assert_eq!(after.unwrap().as_millis() as i64, newest.millis_since(first));
}

#[tokio::test]
async fn an_index_that_is_missing_is_said() {
    let whole = read("h264_aac.mp4");
    let said = said(&whole[..whole.len() / 2]).await;
    assert_eq!(ended_with(&said), Some(Failure::FileWithoutIndex));
}

#[tokio::test]
async fn sound_before_the_first_picture_is_kept_behind_it() {
    // Its sound begins before its pictures, in a file that is sorted by time.
    for name in ["h264_aac.mp4", "h264_bframes_mulaw.mkv"] {
        let found =
            frames(&events(file_source(fixture(name).display().to_string()), is_ended).await);
        assert!(found[0].track_number == 1 && found[0].key_frame, "{name}");
        let sound: Vec<Timestamp> =
            found.iter().filter(|frame| frame.track_number == 2).map(wall).collect();
        assert!(sound.is_sorted(), "{name}");
        assert_eq!(data(&found).len(), found.len());
    }
}
