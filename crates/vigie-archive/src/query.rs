//! By what fragments are ordered and selected.

use vigie_media::Timestamp;

use crate::StoredFragment;

/// By what fragments are ordered and selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentOrder {
    /// By sequence: the order of ingestion.
    Sequence,
    /// By producer timestamp, then sequence.
    ProducerTimestamp,
    /// By server timestamp, then sequence.
    ServerTimestamp,
}

impl FragmentOrder {
    /// The value of a fragment by which it is ordered: sequence, or milliseconds since the epoch.
    pub fn value(self, fragment: &StoredFragment) -> i64 {
        match self {
            Self::Sequence => i64::try_from(fragment.sequence).unwrap_or(i64::MAX),
            Self::ProducerTimestamp => fragment.producer_timestamp.as_millis(),
            Self::ServerTimestamp => fragment.server_timestamp.as_millis(),
        }
    }

    /// Where a fragment stands in this order: what to pass as [`FragmentQuery::after`] to go on behind it.
    pub fn position(self, fragment: &StoredFragment) -> FragmentPosition {
        FragmentPosition { value: self.value(fragment), sequence: fragment.sequence }
    }
}

/// A place in an order, between fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FragmentPosition {
    /// [`FragmentOrder::value`].
    pub value: i64,
    /// The sequence, where values are equal.
    pub sequence: u64,
}

/// Which fragments of a stream, in which order, how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FragmentQuery {
    /// By what they are ordered.
    pub order: FragmentOrder,
    /// The smallest [`FragmentOrder::value`] wanted.
    pub from: i64,
    /// The largest wanted, itself included.
    pub until: i64,
    /// Only those behind this place: where the previous page ended.
    pub after: Option<FragmentPosition>,
    /// At most so many.
    pub limit: usize,
}

impl FragmentQuery {
    /// All fragments in `order`, `limit` at most.
    pub const fn all(order: FragmentOrder, limit: usize) -> Self {
        Self { order, from: i64::MIN, until: i64::MAX, after: None, limit }
    }

    /// Those whose producer timestamp is in `from..=until`.
    pub const fn producer_range(from: Timestamp, until: Timestamp, limit: usize) -> Self {
        let (from, until) = (from.as_millis(), until.as_millis());
        Self { from, until, ..Self::all(FragmentOrder::ProducerTimestamp, limit) }
    }

    /// Those whose server timestamp is in `from..=until`.
    pub const fn server_range(from: Timestamp, until: Timestamp, limit: usize) -> Self {
        let (from, until) = (from.as_millis(), until.as_millis());
        Self { from, until, ..Self::all(FragmentOrder::ServerTimestamp, limit) }
    }

    /// This query, going on behind `position`.
    pub const fn after(self, position: FragmentPosition) -> Self {
        Self { after: Some(position), ..self }
    }

    /// Whether a fragment is in it, whatever the limit.
    pub fn includes(&self, fragment: &StoredFragment) -> bool {
        let position = self.order.position(fragment);
        (self.from..=self.until).contains(&position.value)
            && self.after.is_none_or(|after| position > after)
    }
}
