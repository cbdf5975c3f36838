//! What must hold: after every step, after every crash, and for every way of reading.

use std::collections::BTreeMap;
use std::path::Path;

use vigie_store::{FragmentOrder, FragmentQuery, StoreReader, Uncommitted};

use crate::model::{State, StreamModel, Uploaded};
use crate::world::{KEYS, ROOT, World};

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
        for sequence in found.keys() {
            assert!(model.fragments.contains_key(sequence), "{key} {sequence} was never written");
        }
        for (sequence, fragment) in &mut model.fragments {
            let Some(found) = found.get(sequence) else {
                let may_go = match fragment.state {
                    State::Persisted => false,
                    State::Pending => fragment.committed == 0,
                    State::Lost | State::MaybeDeleted | State::Deleted => true,
                };
                assert!(may_go, "{key} {sequence} was lost: {:?}", fragment.state);
                if fragment.state != State::Deleted {
                    fragment.state = State::Lost;
                }
                continue;
            };
            fragment.assert_is(&found.entry, Some(&reader.read(found).unwrap()));
            match fragment.state {
                State::Lost | State::Deleted => panic!("{key} {sequence} came back"),
                State::Persisted | State::MaybeDeleted => {}
                State::Pending => {
                    let kept_by_mode = mode == Uncommitted::KeepWholeFrames;
                    assert!(
                        kept_by_mode || fragment.in_flight,
                        "{key} {sequence} was not committed"
                    );
                    if all_kept && fragment.committed > 0 {
                        assert!(
                            found.entry.size_bytes as usize >= fragment.written_out,
                            "a kill loses"
                        );
                    }
                }
            }
            match fragment.uploaded {
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

    pub(crate) fn assert_accounts(&self) {
        let Some(store) = &self.store else { return };
        for key in KEYS {
            let on_disk = self.disk.size_bytes_under(&Path::new(ROOT).join(key));
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
