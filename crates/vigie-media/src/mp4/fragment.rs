//! Movie fragments (`moof`): the samples that each adds to the tracks.

use std::collections::BTreeMap;

use mp4_atom::{Atom, Moof, Tfhd, Traf, Trex, TrunEntry};

use super::table::RawSample;

/// What `moof` boxes need to know of the tracks, by track id.
#[derive(Clone, Debug, Default)]
pub(super) struct FragmentState {
    pub(super) defaults: BTreeMap<u32, Trex>,
    /// Where the next fragment begins when it does not say so itself (`tfdt`).
    next_dts: BTreeMap<u32, i64>,
}

/// Bit of the sample flags: not a sync sample (ISO/IEC 14496-12 §8.8.3.1).
const NON_SYNC_SAMPLE: u32 = 0x0001_0000;

impl FragmentState {
    pub(super) fn rewind(&mut self) {
        self.next_dts.clear();
    }

    /// Reads the body of the `moof` whose head begins at `moof_offset`; gives the samples to `take`, which may
    /// refuse them.
    pub(super) fn read(
        &mut self,
        moof: &[u8],
        moof_offset: u64,
        mut take: impl FnMut(u32, RawSample) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let moof = Moof::decode_body(&mut &moof[..]).map_err(|_| "a moof cannot be read")?;
        // A traf without a base of its own goes on where the one before it ended (§8.8.7.1).
        let mut base = moof_offset;
        for traf in &moof.traf {
            if let Some(offset) = traf.tfhd.base_data_offset {
                base = offset;
            } else if traf.tfhd.default_base_is_moof {
                base = moof_offset;
            }
            base = self.read_traf(traf, base, &mut take)?;
        }
        Ok(())
    }

    /// Returns where the data of the track fragment ends.
    fn read_traf(
        &mut self,
        traf: &Traf,
        base: u64,
        take: &mut impl FnMut(u32, RawSample) -> Result<(), &'static str>,
    ) -> Result<u64, &'static str> {
        let tfhd = &traf.tfhd;
        let Some(trex) = self.defaults.get(&tfhd.track_id) else {
            return Err("a moof refers to a track without defaults (trex)");
        };
        let next_dts = self.next_dts.entry(tfhd.track_id).or_default();
        if let Some(tfdt) = &traf.tfdt {
            *next_dts = i64::try_from(tfdt.base_media_decode_time)
                .map_err(|_| "a fragment's decode time is out of range")?;
        }
        let mut offset = base;
        for trun in &traf.trun {
            if let Some(data_offset) = trun.data_offset {
                offset = base
                    .checked_add_signed(i64::from(data_offset))
                    .ok_or("a fragment's data offset is out of range")?;
            }
            for entry in trun.samples.iter() {
                let sample = sample(tfhd, trex, &entry, offset, *next_dts);
                take(tfhd.track_id, sample)?;
                offset = offset.saturating_add(u64::from(sample.size_bytes));
                *next_dts = next_dts.saturating_add(i64::from(sample.duration));
            }
        }
        Ok(offset)
    }
}

/// An entry with the defaults of the track fragment and then of the track.
fn sample(tfhd: &Tfhd, trex: &Trex, entry: &TrunEntry, offset: u64, dts: i64) -> RawSample {
    let size = entry.size.or(tfhd.default_sample_size).unwrap_or(trex.default_sample_size);
    let duration =
        entry.duration.or(tfhd.default_sample_duration).unwrap_or(trex.default_sample_duration);
    let description =
        tfhd.sample_description_index.unwrap_or(trex.default_sample_description_index);
    let flags = entry.flags.or(tfhd.default_sample_flags).unwrap_or(trex.default_sample_flags);
    RawSample {
        offset,
        size_bytes: size,
        dts,
        description: description.saturating_sub(1),
        composition_offset: entry.cts.map_or(0, |offset| i64::from(offset as i32)),
        duration,
        key_frame: flags & NON_SYNC_SAMPLE == 0,
    }
}
