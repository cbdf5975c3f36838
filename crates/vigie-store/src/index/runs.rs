//! A set of sequences as runs: what is uploaded is nearly always one run, a handful of bytes whatever its length.

use std::ops::Range;

use super::varint::{self, Reader};
use crate::error::IndexError;

/// Disjoint runs of sequences, ascending, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Runs(Vec<Range<u64>>);

impl Runs {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        let mut reader = Reader::new(bytes, "uploaded fragments");
        let mut runs = Vec::new();
        let mut end = 0u64;
        while !reader.is_empty() {
            let start = end.checked_add(reader.unsigned()?).ok_or_else(|| reader.damaged())?;
            end = start.checked_add(reader.unsigned()?).ok_or_else(|| reader.damaged())?;
            runs.push(start..end);
        }
        Ok(Self(runs))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut end = 0;
        for run in &self.0 {
            varint::put(&mut out, run.start - end);
            varint::put(&mut out, run.end - run.start);
            end = run.end;
        }
        out
    }

    pub(super) fn contains(&self, sequence: u64) -> bool {
        let position = self.0.partition_point(|run| run.end <= sequence);
        self.0.get(position).is_some_and(|run| run.start <= sequence)
    }

    /// Adds a sequence.
    pub(super) fn insert(&mut self, sequence: u64) {
        let Some(next) = sequence.checked_add(1) else { return };
        // The first run that the new one touches or lies before.
        let position = self.0.partition_point(|run| run.end < sequence);
        match self.0.get_mut(position) {
            Some(run) if run.start <= next => {
                run.start = run.start.min(sequence);
                run.end = run.end.max(next);
                let end = run.end;
                if let Some(following) = self.0.get(position + 1).filter(|run| run.start <= end) {
                    let end = following.end;
                    self.0.remove(position + 1);
                    if let Some(run) = self.0.get_mut(position) {
                        run.end = run.end.max(end);
                    }
                }
            }
            _ => self.0.insert(position, sequence..next),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn uploads_in_order_are_one_run() {
        let mut runs = Runs::default();
        for sequence in 1_000_000..1_000_128 {
            runs.insert(sequence);
        }
        assert_eq!(runs.0.len(), 1);
        assert_eq!(runs.0[0], 1_000_000..1_000_128);
        assert!(runs.to_bytes().len() <= 5);
    }

    proptest! {
        #[test]
        fn runs_are_a_set(sequences in prop::collection::vec(0u64..60, 0..60)) {
            let mut runs = Runs::default();
            for &sequence in &sequences {
                runs.insert(sequence);
            }
            let expected: BTreeSet<u64> = sequences.into_iter().collect();
            let found: BTreeSet<u64> = (0..70).filter(|&sequence| runs.contains(sequence)).collect();
            prop_assert_eq!(found, expected);
            prop_assert!(runs.0.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert_eq!(Runs::parse(&runs.to_bytes()).unwrap(), runs);
        }
    }
}
