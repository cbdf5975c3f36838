//! From a camera's frames to fragments in the store.

use vigie_engine::recorder::{CameraHost, ConnectCause, Failure};
use vigie_kvs::shapes::media_ledger::MediaGapReason;
use vigie_media::matroska::{DocumentHeader, FragmentReader, Limits, fragment_frames};

use super::*;

#[test]
fn frames_become_fragments_that_read_back_byte_for_byte() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 4);
    bench.seconds(1);

    let fragments = bench.fragments();
    assert_eq!(fragments.len(), 3, "the fourth is still open");
    let reader = bench.hub().store().reader();
    let header = reader.read_document_header(&fragments[0].media_file).unwrap();
    let header = DocumentHeader::parse(&header, Limits::KVS).unwrap();
    assert_eq!(header.tracks, tracks());
    for fragment in &fragments {
        assert_eq!(fragment.entry.duration_ms, 1000);
        let frames: Vec<_> =
            fragment_frames(&header, reader.read(fragment).unwrap()).map(Result::unwrap).collect();
        let times: Vec<i64> =
            frames.iter().map(|frame| frame.timecode_ms - fragment.entry.timecode_ms).collect();
        assert_eq!(times, [0, 250, 500, 750]);
        assert_eq!(
            frames.iter().map(|f| f.key_frame).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        assert!(frames[0].data.iter().all(|byte| *byte == 2) && frames[0].data.len() == 1000);
    }
    let first = fragments[0].entry.producer_timestamp;
    assert!(first >= START && first < START.plus_millis(2000), "{first} is not the hub's time");
}

#[test]
fn what_a_killed_hub_had_committed_is_there_up_to_its_last_frame() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 3);
    let whole = bench.fragments().len();
    // Until then the last frames wait for those of other cameras.
    bench.pass(Duration::from_millis(10));
    bench.kill_and_open();
    let fragments = bench.fragments();
    assert_eq!(fragments.len(), 3);
    assert!(fragments.len() > whole);
    assert_eq!(fragments[2].entry.frame_count, 4, "all frames of the fragment that was open");
}

#[test]
fn new_parameter_sets_begin_a_new_document() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 2);
    let mut other = tracks();
    other[0].codec_private = Bytes::from_static(&[1, 0x4D, 0, 0x1E, 0xFF, 0xE0, 0]);
    bench.source(&session, SourceEvent::Opened { tracks: other });
    bench.play(&session, 2);
    bench.seconds(1);
    let fragments = bench.fragments();
    let headers: Vec<u32> = fragments.iter().map(|f| f.media_file.header_crc32c).collect();
    assert_eq!(fragments.len(), 3, "the third document's second fragment is open");
    assert_eq!(headers[0], headers[1], "the open fragment ended under its own header");
    assert_ne!(headers[1], headers[2]);
}

#[test]
fn media_exists_inside_the_window_and_nowhere_else() {
    let mut bench = Bench::new();
    let mut config = edge_config();
    // Opens for one minute, five minutes from the start.
    config.recorder_config.schedule_config = schedule("0 55 * * * ?", 60);
    bench.configure(vec![configuration(1, config)]);
    bench.resolve(secret());
    bench.seconds(290);
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenSource { .. })));
    bench.seconds(10);
    let opens_at = START.plus_millis(300_000);
    let session = bench.camera_opens();
    bench.play(&session, 70);
    let closed = bench.take("CloseSource", |effect| match effect {
        Effect::CloseSource { session } => Some(session.clone()),
        _ => None,
    });
    assert_eq!(closed, session);
    let fragments = bench.fragments();
    assert!(fragments.len() >= 55, "{} fragments", fragments.len());
    for fragment in &fragments {
        assert!(fragment.entry.producer_timestamp >= opens_at);
        assert!(fragment.entry.producer_until() <= opens_at.plus_millis(60_250));
    }
    let (status, details) = bench.recorder_says();
    assert_eq!(status, "SUCCESS");
    assert!(details.contains("waiting for the next window"), "{details}");
}

#[track_caller]
fn check_failure(failure: Failure, status: &str, words: &str) {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.resolve(secret());
    bench.take("OpenSource", |effect| matches!(effect, Effect::OpenSource { .. }).then_some(()));
    bench.source(&session, SourceEvent::Failed(failure));
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
    let (said, details) = bench.recorder_says();
    assert_eq!(said, status);
    assert!(details.contains(words) && !details.contains("hunter2"), "{details}");
    // It keeps trying, and a success mends the status.
    bench.seconds(900);
    let session = if bench.has(|effect| matches!(effect, Effect::ResolveSecret { .. })) {
        bench.resolve(secret())
    } else {
        session
    };
    let session = bench
        .effects
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::OpenSource { session, .. } => Some(session.clone()),
            _ => None,
        })
        .unwrap_or(session);
    bench.source(&session, SourceEvent::Opened { tracks: tracks() });
    bench.play(&session, 2);
    assert_eq!(bench.recorder_says().0, "SUCCESS");
}

#[test]
fn failures_of_the_camera_are_said_in_a_sentence_and_tried_again() {
    check_failure(Failure::WrongPassword, "USER_ERROR", "password");
    check_failure(Failure::NotACamera, "USER_ERROR", "RTSP");
    check_failure(Failure::PathNotFound, "USER_ERROR", "path");
    check_failure(
        Failure::UnsupportedCodec { codec: "JPEG".to_owned() },
        "USER_ERROR",
        "H.264 or H.265",
    );
    let host = CameraHost { name: "cam.local".to_owned(), looks_split: false };
    check_failure(
        Failure::Unreachable { host, cause: ConnectCause::NoAnswer },
        "SYSTEM_ERROR",
        "cam.local does not answer",
    );
}

#[test]
fn a_secret_that_holds_no_camera_is_a_user_error() {
    for (secret_string, words) in [
        (r#"{"Camera":"rtsp://c"}"#, "MediaURI"),
        ("rtsp://c", "MediaURI"),
        (r#"{"MediaURI":"http://c/video"}"#, "rtsp://"),
    ] {
        let mut bench = Bench::new();
        bench.configure(vec![configuration(1, edge_config())]);
        bench.resolve(Some(Sensitive::new(secret_string)));
        let (status, details) = bench.recorder_says();
        assert_eq!(status, "USER_ERROR");
        assert!(details.contains(words), "{details}");
    }
}

#[test]
fn a_stalled_camera_is_closed_after_ten_seconds_and_opened_again() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 3);
    bench.effects.clear();
    bench.seconds(9);
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
    bench.seconds(3);
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
    // With what it knows: the service need not be asked first.
    let again = bench.take("OpenSource", |effect| match effect {
        Effect::OpenSource { session, .. } => Some(session.clone()),
        _ => None,
    });
    assert_ne!(again, session);
    // What the first session still says moves nothing.
    let before = bench.fragments().len();
    bench.source(&session, SourceEvent::Opened { tracks: tracks() });
    bench.play(&session, 2);
    assert_eq!(bench.fragments().len(), before);
    bench.source(&again, SourceEvent::Opened { tracks: tracks() });
    bench.play(&again, 4);
    let fragments = bench.fragments();
    assert!(fragments.len() >= before + 2);
    assert!(fragments.is_sorted_by_key(|fragment| fragment.entry.producer_timestamp));
}

#[test]
fn a_file_is_recorded_once_and_not_again_after_a_restart_but_by_a_new_revision() {
    let mut bench = Bench::new();
    let mut config = edge_config();
    config.recorder_config.media_source_config.media_uri_type = MediaUriType::FileUri;
    bench.configure(vec![configuration(1, config.clone())]);
    let file = Some(Sensitive::new(r#"{"MediaURI":"file:///a.mp4"}"#));
    let session = bench.resolve(file.clone());
    let ends_at = bench.take("OpenSource", |effect| match effect {
        Effect::OpenSource { source: MediaSource::File { ends_at, .. }, .. } => Some(*ends_at),
        _ => None,
    });
    bench.source(&session, SourceEvent::Opened { tracks: tracks() });
    let frames = (0..12).map(|n| SourceFrame {
        track_number: 1,
        time: FrameTime::Wall(ends_at.plus_millis(-3000 + 250 * n)),
        key_frame: n % 4 == 0,
        data: Bytes::from_static(b"picture").into(),
    });
    bench.source(&session, SourceEvent::Frames(frames.collect()));
    bench.source(&session, SourceEvent::Ended);
    bench.seconds(1);
    assert_eq!(bench.fragments().len(), 3);
    assert!(bench.fragments()[2].entry.producer_until() <= ends_at);
    assert!(bench.recorder_says().1.contains("recorded to its end"));

    bench.kill_and_open();
    bench.seconds(30);
    assert!(
        !bench.has(|effect| matches!(
            effect,
            Effect::OpenSource { .. } | Effect::ResolveSecret { .. }
        ))
    );
    assert!(
        bench.report().recorder_status.unwrap().job_status_details.unwrap().contains("to its end")
    );

    bench.seconds(20);
    bench.configure(vec![configuration(2, config)]);
    bench.resolve(file);
    let not_before = bench.take("OpenSource", |effect| match effect {
        Effect::OpenSource { source: MediaSource::File { not_before, .. }, .. } => {
            Some(*not_before)
        }
        _ => None,
    });
    assert!(not_before > bench.fragments()[2].entry.producer_timestamp);
}

#[test]
fn the_fragment_of_a_picture_before_which_packets_were_lost_is_marked_and_that_is_said_and_counted()
{
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 1);
    bench.source(&session, SourceEvent::PacketsLost { count: 2, over_udp: true });
    bench.source(&session, SourceEvent::PacketsLost { count: 1, over_udp: true });
    bench.play(&session, 2);
    bench.seconds(1);
    assert_eq!(bench.snapshot().streams[0].packets_lost, 3);
    let (status, details) = bench.recorder_says();
    assert!(status == "SUCCESS" && details.contains("packets are lost"), "{details}");

    let fragments = bench.fragments();
    let reader = bench.hub().store().reader();
    let header = reader.read_document_header(&fragments[0].media_file).unwrap();
    let mut marks = Vec::new();
    for fragment in &fragments {
        let mut document = FragmentReader::new(Limits::KVS);
        document.push(&header);
        document.push(&reader.read(fragment).unwrap());
        document.finish();
        let mut tags = Vec::new();
        let mut frames = 0;
        while let Some(event) = document.next_event().unwrap() {
            match event {
                vigie_media::matroska::Event::Tag(tag) => tags.push((tag.name, tag.value)),
                vigie_media::matroska::Event::Frame(_) => frames += 1,
                _ => {}
            }
        }
        assert_eq!(frames, 4);
        marks.push(tags);
    }
    let mark = ("VIGIE_RTP_PACKETS_LOST".to_owned(), "3".to_owned());
    // They were of the picture that begins the second one, for all that is known.
    assert_eq!(marks, [vec![], vec![mark]]);
}

#[test]
fn a_hub_that_stood_still_goes_on_with_its_cameras() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    bench.play(&session, 2);
    bench.effects.clear();
    // SIGSTOP for fifteen seconds: no tick, no event.
    bench.now.mono += Duration::from_secs(15);
    bench.now.wall = bench.now.wall + Duration::from_secs(15);
    bench.event(Event::Paused { lasted: Duration::from_millis(14_800) });
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
    bench.media_ms += 15_000;
    bench.play(&session, 2);
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
    let stream = &bench.snapshot().streams[0];
    assert!(stream.recording && stream.reconnects == 0);
    // What is missing is missing between fragments, and the ledger says whose doing it was.
    bench.seconds(2);
    let gaps = bench.gaps();
    let [.., (MediaGapReason::HubOff, from, until)] = gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(until - from, 15, "{gaps:?}");
}

#[test]
fn windows_that_touch_are_recorded_without_a_seam() {
    let mut bench = Bench::new();
    let mut config = edge_config();
    // Two fires of a minute, the second when the first window closes.
    config.recorder_config.schedule_config = schedule("0 50,51 * * * ?", 60);
    bench.configure(vec![configuration(1, config)]);
    let session = bench.camera_opens();
    bench.effects.clear();
    bench.play(&session, 110);
    assert!(!bench.has(|effect| matches!(effect, Effect::CloseSource { .. })));
    let fragments = bench.fragments();
    assert!(fragments.len() >= 105);
    for pair in fragments.windows(2) {
        assert_eq!(pair[0].entry.producer_until(), pair[1].entry.producer_timestamp);
    }
    bench.play(&session, 15);
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
}

#[test]
fn a_group_of_pictures_that_is_longer_than_a_fragment_may_be_is_split_and_that_is_said() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let session = bench.camera_opens();
    for n in 0..200 {
        bench.pass(Duration::from_millis(250));
        let frame = bench.frame(250, n == 0, 10);
        bench.source(&session, SourceEvent::Frames(vec![frame]));
    }
    let (status, details) = bench.recorder_says();
    assert!(
        status == "SUCCESS" && details.contains("key frames more than 20 s apart"),
        "{details}"
    );
    let fragments = bench.fragments();
    let keys: Vec<bool> =
        fragments.iter().map(|fragment| fragment.entry.begins_with_key_frame).collect();
    assert_eq!(keys, [true, false], "the third is open");
    let frame_counts: Vec<u32> = fragments.iter().map(|f| f.entry.frame_count).collect();
    assert_eq!(frame_counts, [78, 78]);
    assert!(fragments.iter().all(|fragment| fragment.entry.duration_ms <= 20_000));
}

#[test]
fn another_zone_opens_its_windows_at_once() {
    let mut bench = Bench::new();
    let mut at_noon = edge_config();
    at_noon.recorder_config.schedule_config = schedule("0 0 12 * * ?", 3600);
    bench.configure(vec![configuration(1, at_noon)]);
    bench.seconds(2);
    // It is ten to twelve in UTC, and ten to one in Paris.
    bench.resolve(secret());
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenSource { .. })));
    bench.event(Event::ZoneChanged(TimeZone::get("Europe/Paris").unwrap()));
    let session = bench.take("OpenSource", |effect| match effect {
        Effect::OpenSource { session, .. } => Some(session.clone()),
        _ => None,
    });
    bench.source(&session, SourceEvent::Opened { tracks: tracks() });
    bench.event(Event::ZoneChanged(TimeZone::UTC));
    bench.take("CloseSource", |effect| matches!(effect, Effect::CloseSource { .. }).then_some(()));
}
