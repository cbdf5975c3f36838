//! The journal's bytes: what is written is read, and what is torn or rotten costs no other record.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn entries() -> Vec<Entry> {
    let files =
        Deletion::Files { key: "gate.1".to_owned(), ids: vec![MediaFileId(7), MediaFileId(9)] };
    let stream = Deletion::Stream { key: "yard.2".to_owned(), below: MediaFileId(12) };
    let path = "unclaimed/a".to_owned();
    let media = Some(DiscardedMedia {
        key: "gate.1".to_owned(),
        size_bytes: 5,
        fragment_count: 3,
        from: Timestamp::from_millis(-7),
        until: Timestamp::from_millis(1_763_829_180_000),
        is_asked_for: true,
    });
    let discarded = Deletion::Discarded { path, size_bytes: 5, media };
    let deletions = [files, stream, discarded].into_iter();
    (1..).zip(deletions).map(|(number, deletion)| Entry { number, deletion }).collect()
}

fn journal_of(bytes: &[u8]) -> (Journal, u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = crate::OsDisk.create_new(&folder.path().join(FILE_NAME)).unwrap();
    file.write_all_at(&[bytes], 0).unwrap();
    let opened = Journal::open(&crate::OsDisk, folder.path()).unwrap();
    (opened.journal, opened.damaged_bytes)
}

fn bytes() -> Vec<u8> {
    let mut bytes: Vec<u8> = entries().iter().flat_map(encode_entry).collect();
    bytes.extend(encode(KIND_MEDIA_FILES, &2001_u64.to_be_bytes()));
    bytes.extend(encode_sequences("gate.1", 5001));
    bytes.extend(encode(KIND_GENERATION, &7_u64.to_be_bytes()));
    bytes.extend(encode_boot(&Boot { id: "a boot".to_owned(), first: MediaFileId(1001) }));
    bytes
}

#[test]
fn what_was_deleted_and_handed_out_is_read_again() {
    let (journal, damaged_bytes) = journal_of(&[bytes(), vec![0; 4000]].concat());
    assert_eq!(damaged_bytes, 0);
    assert_eq!((journal.last_number(), journal.next_media_file_id()), (3, 2001));
    assert_eq!((journal.next_sequence("gate.1"), journal.generation()), (Some(5001), 7));
    assert_eq!(journal.entries_after(1).cloned().collect::<Vec<_>>(), entries()[1..]);
    let is_deleted =
        |directory: &str, id| journal.is_deleted(Path::new(directory), MediaFileId(id));
    assert!(is_deleted("/media/gate.1", 7) && is_deleted("/media/gate.1", 9));
    assert!(!is_deleted("/media/gate.1", 8) && !is_deleted("/media/gate.2", 7));
    assert!(is_deleted("/media/yard.2", 11) && !is_deleted("/media/yard.2", 12));
}

#[test]
fn one_byte_that_rots_costs_one_record_at_most_and_is_said() {
    let whole = bytes();
    for at in 0..whole.len() {
        let mut rotten = whole.clone();
        rotten[at] ^= 0x41;
        let (records, _, damaged_bytes) = parse(&rotten);
        assert_eq!(records.len(), 6, "byte {at}");
        assert!(damaged_bytes > 0, "byte {at}");
    }
    for end in 0..whole.len() {
        let (records, record_end, _) = parse(&whole[..end]);
        assert!(records.len() <= 6 && record_end <= end, "{end} bytes");
    }
}

#[test]
fn it_grows_keeps_what_it_was_told_and_drops_the_oldest_half_when_it_is_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&crate::OsDisk, folder.path()).unwrap().journal;
    journal.reserve_media_files(&crate::OsDisk, 1001).unwrap();
    journal.reserve_sequences(&crate::OsDisk, [("gate", 2001)]).unwrap();
    let ids: Vec<MediaFileId> = (0..1000).map(MediaFileId).collect();
    while !journal.is_long() {
        journal.add(Deletion::Files { key: "gate".to_owned(), ids: ids.clone() });
        journal.flush(&crate::OsDisk).unwrap();
    }
    let last = journal.last_number();
    let again = Journal::open(&crate::OsDisk, folder.path()).unwrap();
    assert_eq!((again.is_there, again.damaged_bytes), (true, 0));
    assert_eq!(again.journal.entries_after(0).count() as u64, last);
    journal.compact(&crate::OsDisk).unwrap();
    let again = Journal::open(&crate::OsDisk, folder.path()).unwrap().journal;
    assert!(again.entries_after(0).count() < last as usize && !again.is_long());
    assert_eq!((again.last_number(), again.next_media_file_id()), (last, 1001));
    assert_eq!(again.next_sequence("gate"), Some(2001));
    assert!(again.is_deleted(Path::new("gate"), MediaFileId(999)));
}

#[test]
fn the_present_boot_is_noted_once_with_the_number_from_which_files_are_begun_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Journal::open(&crate::OsDisk, folder.path()).unwrap().journal;
    let present = crate::OsDisk.boot_id().unwrap();
    let boot = |id: &str, first| Boot { id: id.to_owned(), first: MediaFileId(first) };
    let mut journal = open();
    assert_eq!(journal.boot(), None);
    journal.reserve_media_files(&crate::OsDisk, 1001).unwrap();
    // An index of an older version tells of the boot before.
    journal.begin_boot(&crate::OsDisk, Some(boot("before", 7))).unwrap();
    assert_eq!((journal.boot(), open().boot()), (Some(&boot(&present, 1001)), journal.boot()));
    journal.reserve_media_files(&crate::OsDisk, 2001).unwrap();
    journal.begin_boot(&crate::OsDisk, Some(boot(&present, 7))).unwrap();
    assert_eq!((open().generation(), journal.begin_index(&crate::OsDisk).unwrap()), (0, 1));
    journal.write_anew(&crate::OsDisk).unwrap();
    assert_eq!((open().boot(), open().generation()), (Some(&boot(&present, 1001)), 1));
    // An older version drops the note when it writes the journal anew.
    journal.boot = None;
    journal.write_anew(&crate::OsDisk).unwrap();
    journal.begin_boot(&crate::OsDisk, Some(boot(&present, 7))).unwrap();
    assert_eq!(open().boot(), Some(&boot(&present, 7)));
    // The machine has booted since.
    journal.boot = Some(boot("before", 7));
    journal.begin_boot(&crate::OsDisk, Some(boot(&present, 7))).unwrap();
    assert_eq!(open().boot(), Some(&boot(&present, 2001)));
}

#[test]
fn what_an_older_version_wrote_of_a_file_that_lay_aside_is_read() {
    let mut body = Vec::new();
    body.put_u64(1);
    put_text(&mut body, "unclaimed/a");
    body.put_u64(5);
    let (journal, damaged_bytes) = journal_of(&encode(KIND_DISCARDED, &body));
    assert_eq!(damaged_bytes, 0);
    let deletion =
        Deletion::Discarded { path: "unclaimed/a".to_owned(), size_bytes: 5, media: None };
    let found: Vec<_> = journal.entries_after(0).cloned().collect();
    assert_eq!(found, [Entry { number: 1, deletion }]);
}
