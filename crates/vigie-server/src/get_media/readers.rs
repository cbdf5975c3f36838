//! How many read a stream at once.
//!
//! Decides who is let in: as many as the limit, the newest is refused (KVS quotas: 3 GetMedia and 5
//! GetMediaForFragmentList connections a stream).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections that may read one stream at once; `None` for as many as the server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderLimits {
    /// GetMedia. AWS: 3.
    pub get_media_max: Option<u32>,
    /// GetMediaForFragmentList. AWS: 5.
    pub fragment_list_max: Option<u32>,
}

/// Who reads.
pub(crate) struct Readers {
    pub(super) get_media: Arc<Count>,
    pub(super) fragment_list: Arc<Count>,
}

impl Readers {
    pub(crate) fn new(limits: ReaderLimits) -> Self {
        let count = |max| Arc::new(Count { max, by_stream: Mutex::default() });
        Self {
            get_media: count(limits.get_media_max),
            fragment_list: count(limits.fragment_list_max),
        }
    }
}

/// The connections of one operation, by stream.
pub(super) struct Count {
    max: Option<u32>,
    by_stream: Mutex<HashMap<String, u32>>,
}

/// One connection's place; given back when dropped.
pub(super) struct Place {
    count: Arc<Count>,
    stream: String,
}

impl Count {
    /// A place for one more; `None` when the stream has as many as it may have.
    pub(super) fn enter(self: &Arc<Self>, stream: &str) -> Option<Place> {
        let mut by_stream = self.by_stream.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = by_stream.entry(stream.to_owned()).or_default();
        if self.max.is_some_and(|max| *readers >= max) {
            if *readers == 0 {
                by_stream.remove(stream);
            }
            return None;
        }
        *readers += 1;
        Some(Place { count: Arc::clone(self), stream: stream.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_stream = self.count.by_stream.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(readers) = by_stream.get_mut(&self.stream) {
            *readers -= 1;
            if *readers == 0 {
                by_stream.remove(&self.stream);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_its_readers_and_no_more_until_one_goes() {
        let limits = ReaderLimits { get_media_max: Some(2), fragment_list_max: None };
        let readers = Readers::new(limits);
        let gate = || readers.get_media.enter("gate");
        let (first, _second) = (gate().unwrap(), gate().unwrap());
        assert!(gate().is_none());
        assert!(readers.get_media.enter("yard").is_some());
        assert!(readers.fragment_list.enter("gate").is_some());
        drop(first);
        assert!(gate().is_some());
        assert_eq!(readers.get_media.by_stream.lock().unwrap().len(), 1);
    }
}
