//! The `RTP-Info` header (RFC 2326 section 12.33): what a camera says of the first packets. Hints, often wrong.

use super::message::leading_number;

/// Entries that are looked at.
const ENTRIES_MAX: usize = 16;

/// What is said of one medium's first packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtpInfo {
    /// Its sequence number.
    pub sequence: Option<u16>,
    /// Its RTP timestamp.
    pub rtp_time: Option<u32>,
}

/// The entry of the medium with this address; `position` is its place among the `count` media that play.
pub(crate) fn find<'h>(
    headers: impl Iterator<Item = &'h str>,
    uri: &str,
    position: usize,
    count: usize,
) -> RtpInfo {
    let entries: Vec<_> = headers.flat_map(entries).take(ENTRIES_MAX).collect();
    let plain = |text: &str| text.trim_end_matches('/').to_owned();
    let wanted = plain(uri);
    let by_uri = entries.iter().find(|(url, _)| plain(url) == wanted);
    // A relative address, or one of another host.
    let by_end = || {
        let ends = |url: &str| {
            let path = url
                .split_once("://")
                .map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
            let path = path.trim_matches('/');
            !path.is_empty() && wanted.ends_with(path)
        };
        entries.iter().find(|(url, _)| ends(url))
    };
    let by_place = || (entries.len() == count).then(|| entries.get(position)).flatten();
    by_uri.or_else(by_end).or_else(by_place).map(|(_, info)| *info).unwrap_or_default()
}

/// `url=…;seq=…;rtptime=…` entries; addresses may hold commas and semicolons.
fn entries(header: &str) -> Vec<(String, RtpInfo)> {
    let mut found: Vec<(String, RtpInfo)> = Vec::new();
    for part in header.split([';', ',']).map(str::trim) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "url" if found.len() < ENTRIES_MAX => {
                found.push((value.to_owned(), RtpInfo::default()))
            }
            "seq" => {
                if let Some((_, info)) = found.last_mut() {
                    info.sequence = leading_number(value).and_then(|n| u16::try_from(n).ok());
                }
            }
            "rtptime" => {
                if let Some((_, info)) = found.last_mut() {
                    info.rtp_time = leading_number(value);
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expect: (Option<u16>, Option<u32>)) {
        let info = find(std::iter::once(header), "rtsp://c/live/trackID=1", 1, 2);
        assert_eq!((info.sequence, info.rtp_time), expect, "{header}");
    }

    #[test]
    fn entries_are_found_by_address_or_by_place() {
        check(
            "url=rtsp://c/live/trackID=0;seq=1;rtptime=2,url=rtsp://c/live/trackID=1;seq=3;rtptime=4",
            (Some(3), Some(4)),
        );
        check("url=trackID=1;seq=3;rtptime=4", (Some(3), Some(4)));
        check("url=rtsp://10.0.0.1:8554/live/trackID=1/;rtptime=4", (None, Some(4)));
        check("url=a;seq=1, url=b;seq=2", (Some(2), None));
        check("url=a;seq=1", (None, None));
        check("url=\"rtsp://c/live/trackID=1\";seq=70000;rtptime=x", (None, None));
        check("seq=1;rtptime=2", (None, None));
        check("", (None, None));
    }
}
