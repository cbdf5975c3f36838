//! Who counts as one caller, by address.

use std::net::{IpAddr, Ipv6Addr};

/// A machine has one IPv4 address, but as many IPv6 addresses of its /64 as it likes.
pub(crate) fn client_prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}
