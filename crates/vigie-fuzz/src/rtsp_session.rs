//! A camera's side of an RTSP session: how its bytes are cut into reads changes nothing, packets lie in what was received,
//! and the session ends once.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use vigie_rtsp::session::{
    Action, Login, Output, Password, RtspSession, RtspSessionSettings, TransportChoice, Wanted,
};

/// What comes of one call is no more than this beside packets: a camera cannot make the agent write without end.
const REQUESTS_MAX: usize = 200;

/// The first byte says how the rest is cut. The rest is what the camera sends, in parts with `\n--\n` between: one for each
/// time that the session waits for it.
pub fn rtsp_session(data: &[u8]) {
    let Some((&cut, camera)) = data.split_first() else { return };
    let whole = play(camera, usize::MAX);
    let pieces = play(camera, usize::from(cut) + 1);
    assert_eq!(whole, pieces);
}

fn parts(camera: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BETWEEN: &[u8] = b"\n--\n";
    let mut rest = Some(camera);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let end = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN);
        rest = end.map(|end| &bytes[end + BETWEEN.len()..]);
        Some(end.map_or(bytes, |end| &bytes[..end]))
    })
}

/// Everything that came of the session but deviations, which are counted in other steps.
fn play(camera: &[u8], piece_bytes: usize) -> Vec<Output> {
    let mut now = Duration::ZERO;
    let Ok(uri) = "rtsp://camera/live".parse() else { return Vec::new() };
    let password = Password::new("secret");
    let settings = RtspSessionSettings {
        uri,
        login: Some(Login { user: "viewer".to_owned(), password }),
        transport: TransportChoice::TcpThenUdp,
        user_agent: String::new(),
        seed: [7; 16],
        wanted: Wanted::Record { sound: true, metadata: true },
    };
    let mut session = RtspSession::new(settings, now);
    let mut outputs = Vec::new();
    take(&mut session, now, &mut outputs);
    for part in parts(camera) {
        for piece in part.chunks(piece_bytes.min(part.len().max(1))) {
            session.received(Bytes::copy_from_slice(piece), now);
            if take(&mut session, now, &mut outputs) {
                // The rest of the part was on its way on the connection before.
                break;
            }
        }
        if let Some(deadline) = session.next_deadline() {
            assert!(deadline >= now, "a deadline in the past");
            // A part that is empty lets time pass.
            now = if part.is_empty() { deadline } else { now + Duration::from_millis(1) };
            session.timeout(now);
            take(&mut session, now, &mut outputs);
        }
    }
    session.disconnected(now);
    take(&mut session, now, &mut outputs);
    session.close();
    take(&mut session, now, &mut outputs);
    let ends = outputs.iter().filter(|output| matches!(output, Output::Ended(_))).count();
    assert_eq!(ends, 1, "ended {ends} times");
    outputs
}

/// Whether there is another connection.
fn take(session: &mut RtspSession, now: Duration, outputs: &mut Vec<Output>) -> bool {
    let mut requests = 0;
    let mut has_connected = false;
    while let Some(output) = session.poll() {
        match &output {
            Output::Act(Action::Connect { .. }) => {
                has_connected = true;
                session.connected(SocketAddr::from((Ipv4Addr::LOCALHOST, 554)), now);
            }
            Output::Act(Action::OpenUdp { medium }) => session.udp_opened(*medium, 7000, 7001, now),
            Output::Packet { bytes, .. } => assert!(bytes.len() >= 8, "a packet of nothing"),
            Output::Deviation { .. } => continue,
            _ => {}
        }
        requests += usize::from(!matches!(output, Output::Packet { .. }));
        assert!(requests < REQUESTS_MAX, "too much at once");
        outputs.push(output);
    }
    has_connected
}
