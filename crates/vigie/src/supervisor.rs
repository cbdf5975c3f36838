//! Tells systemd that the service is ready, works and stops (sd_notify(3)). Without systemd it says nothing to nobody.
//!
//! One datagram each, never waited for: the loop that records gives the sign of life, and a systemd that does not read
//! must not stop it. That is why this does not use the sd-notify crate, whose socket blocks.

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use vigie_engine::pulse::Pulse;

/// The service is ready for its work.
pub fn ready() {
    say("READY=1");
}

/// The service ends what it does.
pub fn stopping() {
    say("STOPPING=1");
}

/// The sign of life that systemd waits for (`WatchdogSec=`), three times as often as it must be; `None` when it does
/// not wait for any.
pub fn pulse() -> Option<Pulse> {
    let of = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_for_another = of("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    let timeout = Duration::from_micros(of("WATCHDOG_USEC").filter(|_| !is_for_another)?);
    Some(Pulse::new(timeout / 3, Box::new(|| say("WATCHDOG=1"))))
}

fn say(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return;
    };
    match send(&socket, state) {
        // It has heard enough that it has not read yet.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => tracing::warn!(%error, "systemd cannot be told how the service is"),
        Ok(()) => {}
    }
}

fn send(socket: &OsString, state: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    datagram.send_to_addr(state.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_that_does_not_read_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let supervisor = UnixDatagram::bind(&path).unwrap();
        let socket = path.into_os_string();
        let full = (0..100_000).find_map(|_| send(&socket, "WATCHDOG=1").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
        let mut heard = [0; 64];
        let count = supervisor.recv(&mut heard).unwrap();
        assert_eq!(&heard[..count], b"WATCHDOG=1");
    }

    #[test]
    fn abstract_sockets_are_reached() {
        let name = format!("vigie-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let supervisor = UnixDatagram::bind_addr(&address).unwrap();
        send(&format!("@{name}").into(), "READY=1").unwrap();
        let mut heard = [0; 64];
        let count = supervisor.recv(&mut heard).unwrap();
        assert_eq!(&heard[..count], b"READY=1");
    }
}
