//! What must hold: after every step, after every crash, and for every way of reading.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use vigie_sim::disk::SimDisk;
use vigie_store::disk::Disk;
use vigie_store::{Disagreement, FragmentOrder, FragmentQuery, StoreReader, Uncommitted, check};

use super::model::{State, StreamModel, Uploaded};
use super::world::{KEYS, ROOT, World};

/// All that lies aside.
fn aside_of(disk: &SimDisk) -> Vec<Bytes> {
    let root = Path::new(ROOT).join("unclaimed");
    let directories = disk.list(&root).unwrap_or_default();
    let files = directories.iter().flat_map(|directory| disk.list(directory).unwrap());
    let read = |path: PathBuf| {
        let file = disk.open_read_only(&path).unwrap();
        file.read_exact_at(0, file.length_bytes().unwrap() as usize).unwrap()
    };
    files.map(read).collect()
}

fn holds(file: &[u8], bytes: &[u8]) -> bool {
    !bytes.is_empty() && file.windows(bytes.len()).any(|window| window == bytes)
}

impl World {
    /// Compares one stream with its model after a crash, then lets the model follow what was open.
    pub(crate) fn assert_recovered(
        &mut self,
        key: &'static str,
        reader: &StoreReader,
        all_kept: bool,
    ) {
        let mode = self.mode;
        let model = self.streams.get_mut(key).unwrap();
        model.open = None;
        if std::mem::take(&mut model.maybe_deleted)
            && !reader.stream_keys().unwrap().contains(&key.to_owned())
        {
            *model = StreamModel::default();
        }
        let query = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
        let found: BTreeMap<u64, _> = reader
            .fragments(key, &query)
            .unwrap()
            .into_iter()
            .map(|fragment| (fragment.entry.sequence, fragment))
            .collect();
        let was_harmed = self.was_harmed;
        let aside = if was_harmed { aside_of(&self.disk) } else { Vec::new() };
        for sequence in found.keys() {
            assert!(model.fragments.contains_key(sequence), "{key} {sequence} was never written");
        }
        for (sequence, fragment) in &mut model.fragments {
            let Some(found) = found.get(sequence) else {
                let may_go = match fragment.state {
                    State::Persisted => false,
                    State::Pending => fragment.committed == 0,
                    State::GivenUp | State::Lost | State::MaybeDeleted | State::Deleted => true,
                };
                // What grew when the older index was copied has no end mark: it lies aside where power was lost since.
                let bytes = &fragment.bytes[..fragment.committed];
                let lies_aside = || aside.iter().any(|file| holds(file, bytes));
                assert!(may_go || lies_aside(), "{key} {sequence} was lost: {fragment:?}");
                // That a file was removed which no commit knew is not made durable: it may be there again later.
                if !matches!(fragment.state, State::Deleted | State::GivenUp) {
                    fragment.state = State::Lost;
                }
                continue;
            };
            if was_harmed && !(fragment.whole && fragment.state == State::Persisted) {
                // Of what grew the older index knows less, and behind that no frame is trusted after a loss of power.
                fragment.committed = fragment.committed.min(found.entry.size_bytes as usize);
            }
            fragment.assert_is(&found.entry, Some(&reader.read(found).unwrap()));
            match fragment.state {
                State::Lost | State::Deleted => panic!("{key} came back: {fragment:?}, {found:?}"),
                // Of what was given up an older index lets a start find more than was durable of it.
                State::Persisted => assert!(
                    was_harmed || found.entry.size_bytes as usize == fragment.written,
                    "{key}: {fragment:?}, {found:?}"
                ),
                State::MaybeDeleted => {}
                State::GivenUp => {
                    let is_hub = mode == Uncommitted::KeepWholeFrames;
                    assert!(fragment.whole || is_hub, "{key} {sequence} was not whole");
                }
                State::Pending => {
                    let kept_by_mode = mode == Uncommitted::KeepWholeFrames;
                    assert!(kept_by_mode || fragment.whole, "{key} {sequence} was not whole");
                    if all_kept && fragment.committed > 0 {
                        assert!(
                            found.entry.size_bytes as usize >= fragment.written_out,
                            "a kill loses"
                        );
                    }
                }
            }
            fragment.was_uploaded |= fragment.uploaded == Uploaded::Yes;
            match fragment.uploaded {
                Uploaded::No if was_harmed && fragment.was_uploaded && found.entry.uploaded => {
                    fragment.uploaded = Uploaded::Yes;
                }
                Uploaded::Yes if was_harmed && !found.entry.uploaded => {
                    fragment.uploaded = Uploaded::No;
                }
                Uploaded::Yes => assert!(found.entry.uploaded, "{key} {sequence} not uploaded"),
                Uploaded::No => assert!(!found.entry.uploaded, "{key} {sequence} uploaded"),
                Uploaded::Asked | Uploaded::Planned if found.entry.uploaded => {
                    fragment.uploaded = Uploaded::Yes;
                }
                Uploaded::Asked | Uploaded::Planned => fragment.uploaded = Uploaded::No,
            }
            fragment.state = State::Persisted;
            fragment.in_flight = false;
            fragment.planned = None;
            // From now on it is what was found.
            fragment.written = found.entry.size_bytes as usize;
            fragment.committed = fragment.written;
            fragment.asked_out = fragment.written;
            fragment.written_out = fragment.written;
            fragment.bytes.truncate(fragment.written);
        }
    }

    /// Index and files agree; what lies aside is known and agrees with nothing.
    pub(crate) fn assert_agrees(&self, reader: &StoreReader) {
        let found = check(reader).unwrap();
        let lies_aside = |found: &Disagreement| matches!(found, Disagreement::Unclaimed { .. });
        let wrong: Vec<_> = found.iter().filter(|found| !lies_aside(found)).collect();
        assert_eq!(wrong, Vec::<&Disagreement>::new(), "index and files");
        let unclaimed = reader.findings().unclaimed_file_count;
        assert_eq!(found.len() as u64, unclaimed, "what lies aside: {found:?}");
    }

    pub(crate) fn assert_accounts(&self) {
        let Some(store) = &self.store else { return };
        for key in KEYS {
            let aside = Path::new(ROOT).join("unclaimed").join(key);
            let on_disk = self.disk.size_bytes_under(&Path::new(ROOT).join(key));
            let on_disk = on_disk + self.disk.size_bytes_under(&aside);
            assert_eq!(store.size_bytes(key), on_disk, "bytes of {key}");
        }
    }

    /// Every kind of reading agrees with the model and with one another.
    pub(crate) fn read(&mut self, key: &'static str) {
        let reader = self.store().reader();
        let model = &self.streams[key];
        let pages = [
            FragmentOrder::Sequence,
            FragmentOrder::ProducerTimestamp,
            FragmentOrder::ServerTimestamp,
        ]
        .map(|order| {
            let mut all = Vec::new();
            let mut query = FragmentQuery::all(order, 3);
            loop {
                let page = reader.fragments(key, &query).unwrap();
                let Some(last) = page.last() else { break };
                query = query.after(order.position(&last.entry));
                all.extend(page.iter().map(|fragment| fragment.entry));
            }
            assert!(all.is_sorted_by_key(|entry| order.position(entry)), "{order:?}");
            assert_eq!(
                reader.newest(key, order).unwrap().map(|fragment| fragment.entry),
                all.last().copied()
            );
            let mut sequences: Vec<u64> = all.iter().map(|entry| entry.sequence).collect();
            sequences.sort_unstable();
            sequences
        });
        for page in &pages {
            assert_eq!(*page, model.visible(), "{key}");
        }
        let query = FragmentQuery::not_uploaded(0, usize::MAX);
        let left = reader.fragments(key, &query).unwrap();
        let expected = |sequence: &u64| model.fragments[sequence].uploaded != Uploaded::Yes;
        let expected: Vec<u64> = model.visible().into_iter().filter(expected).collect();
        let found: Vec<u64> = left.iter().map(|fragment| fragment.entry.sequence).collect();
        assert_eq!(found, expected, "not uploaded of {key}");
        let totals = reader.totals(key).unwrap();
        assert_eq!(totals.fragment_count as usize, model.visible().len());
        assert_eq!(totals.not_uploaded_count as usize, found.len());
        for fragment in left {
            let bytes = reader.read(&fragment).unwrap();
            model.fragments[&fragment.entry.sequence].assert_is(&fragment.entry, Some(&bytes));
            let header = reader.read_document_header(&fragment.media_file).unwrap();
            assert!(self.headers.contains(&header));
        }
    }
}
