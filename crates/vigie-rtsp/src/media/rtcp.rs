//! RTCP (RFC 3550 section 6): whose BYE a compound packet holds.
//!
//! Sender reports are not used: what they say of the wall clock is wrong in too many cameras, and time is taken from
//! arrival instead.

/// `PT=BYE`
const BYE: u8 = 203;
const VERSION: u8 = 2;

/// What a compound packet says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    /// Whether a BYE names the source that was asked for.
    pub(super) bye: bool,
    /// Whether it could be read to its end.
    pub(super) is_whole: bool,
}

/// Reads a compound packet as far as it can be read, and looks for the BYE of `ssrc`.
pub(super) fn read(mut compound: &[u8], ssrc: Option<u32>) -> Report {
    let mut report = Report { bye: false, is_whole: !compound.is_empty() };
    while let Some((&[first, kind, high, low], rest)) = compound.split_first_chunk::<4>() {
        let body_bytes = usize::from(u16::from_be_bytes([high, low])) * 4;
        let Some((body, after)) = rest.split_at_checked(body_bytes) else { break };
        if first >> 6 != VERSION {
            break;
        }
        if kind == BYE {
            let sources = body.chunks_exact(4).take(usize::from(first & 0x1F));
            let ours = ssrc.map(u32::to_be_bytes);
            report.bye |= ours.is_some_and(|ours| sources.into_iter().any(|source| source == ours));
        }
        compound = after;
    }
    report.is_whole &= compound.is_empty();
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bye_counts_for_the_sources_that_it_names() {
        let check = |compound: &[u8], bye, is_whole| {
            assert_eq!(read(compound, Some(7)), Report { bye, is_whole }, "{compound:x?}");
        };
        let report = [0x80, 200, 0, 1, 0, 0, 0, 7];
        let bye = [0x81, BYE, 0, 1, 0, 0, 0, 7];
        check(&report, false, true);
        check(&bye, true, true);
        check(&[report, bye].concat(), true, true);
        check(&[0x82, BYE, 0, 2, 0, 0, 0, 9, 0, 0, 0, 7], true, true);
        check(&[0x81, BYE, 0, 2, 0, 0, 0, 9, 0, 0, 0, 7], false, true);
        check(&[0x80, BYE, 0, 0], false, true);
        check(&[0x9F, BYE, 0, 1, 0, 0, 0, 9], false, true);
        check(&[&bye[..], &[0x80, 200, 0]].concat(), true, false);
        check(&[0x41, BYE, 0, 1, 0, 0, 0, 7], false, false);
        check(&[0x81, BYE, 0, 9, 0, 0, 0, 7], false, false);
        check(&[], false, false);
        assert!(!read(&bye, None).bye);
    }
}
