//! Random numbers from the system: nonces, session ids and RTP's initial values, none of which may be guessable.

use std::io;

pub(crate) fn random_u64() -> io::Result<u64> {
    getrandom::u64().map_err(error)
}

/// Three at once: an SSRC, a timestamp and a sequence number.
pub(crate) fn random_u32s() -> io::Result<[u32; 3]> {
    let random = || getrandom::u32().map_err(error);
    Ok([random()?, random()?, random()?])
}

fn error(error: getrandom::Error) -> io::Error {
    io::Error::other(error.to_string())
}
