//! Media over UDP.

use super::*;
use crate::Deviation as D;

/// A session that plays over UDP; `transport` is the answer's header.
struct Playing {
    session: RtspSession,
    outputs: Vec<Output>,
}

impl Playing {
    fn new(transport: &'static str) -> Self {
        let mut session = RtspSession::new(settings(TransportChoice::Udp), Duration::ZERO);
        let mut outputs = Vec::new();
        let mut sent = 0;
        while let Some(output) = session.poll() {
            match &output {
                Output::Act(Action::Connect { .. }) => {
                    session.connected(PEER.parse().unwrap(), Duration::ZERO)
                }
                Output::Act(Action::OpenUdp { medium }) => {
                    let port = 7000 + 2 * u16::try_from(*medium).unwrap();
                    session.udp_opened(*medium, port, port + 1, Duration::ZERO);
                }
                Output::Act(Action::Send(bytes)) => {
                    let text = String::from_utf8(bytes.to_vec()).unwrap();
                    let mut words = text.split(' ');
                    let (method, uri) = (words.next().unwrap().to_owned(), words.next().unwrap());
                    sent += 1;
                    let (uri, cseq) = (uri.to_owned(), sent.to_string());
                    let request = Request { method, uri, cseq, text: text.clone(), nth: 0 };
                    let reply = match request.is("SETUP") {
                        true => {
                            request.reply("200 OK", &format!("Session: 1\nTransport: {transport}"))
                        }
                        false if request.is("PLAY") => request.reply("200 OK", ""),
                        false => String::from_utf8(request.standard()).unwrap(),
                    };
                    session.received(reply.into(), Duration::ZERO);
                }
                _ => {}
            }
            outputs.push(output);
        }
        assert!(
            outputs.iter().any(|output| matches!(output, Output::Playing { .. })),
            "{outputs:#?}"
        );
        Self { session, outputs }
    }

    fn take(&mut self, from: &str) -> Vec<Output> {
        self.take_kind(from, PacketKind::Rtp)
    }

    fn take_kind(&mut self, from: &str, kind: PacketKind) -> Vec<Output> {
        let bytes = Bytes::from(rtp(1));
        self.session.datagram(0, kind, from.parse().unwrap(), bytes, Duration::ZERO);
        std::iter::from_fn(|| self.session.poll()).collect()
    }

    fn datagrams(&self) -> Vec<(usize, PacketKind, String, usize)> {
        let sent = self.outputs.iter().filter_map(|output| match output {
            Output::Act(Action::SendDatagram { medium, kind, to, bytes }) => {
                Some((*medium, *kind, to.to_string(), bytes.len()))
            }
            _ => None,
        });
        sent.collect()
    }
}

const WHOLE: &str = "RTP/AVP;unicast;client_port=7000-7001;server_port=6970-6971";

#[test]
fn media_comes_from_the_cameras_address_and_from_any_port() {
    for transport in [
        WHOLE,
        "RTP/AVP;unicast;client_port=7000-7001",
        "RTP/AVP;unicast;server_port=6971",
        "RTP/AVP;unicast;server_port=x",
        "RTP/AVP/UDP;server_port=0-0",
        "nonsense",
    ] {
        let mut playing = Playing::new(transport);
        for from in ["10.0.0.7:6970", "10.0.0.7:4444", "[::ffff:10.0.0.7]:1"] {
            let outputs = playing.take(from);
            assert!(matches!(outputs[..], [Output::Packet { medium: 0, .. }]), "{outputs:?}");
        }
        let outputs = playing.take("10.0.0.8:6970");
        assert_eq!(outputs, [Output::Deviation { kind: D::StrangersDatagram, count: 1 }]);
    }
}

#[test]
fn another_address_that_the_camera_names_is_taken() {
    let mut playing = Playing::new("RTP/AVP;unicast;source=10.0.0.9;server_port=6970-6971");
    for from in ["10.0.0.9:6970", "10.0.0.7:6970"] {
        assert!(matches!(playing.take(from)[..], [Output::Packet { .. }]));
    }
    assert!(matches!(playing.take("10.0.0.8:6970")[..], [Output::Deviation { .. }]));
    assert_eq!(playing.datagrams()[0].2, "10.0.0.9:6970");
}

#[test]
fn the_way_is_opened_and_reports_are_sent_with_each_keep_alive() {
    let mut playing = Playing::new(WHOLE);
    use PacketKind::{Rtcp, Rtp};
    let address = |port: u16| format!("10.0.0.7:{port}");
    assert_eq!(
        playing.datagrams(),
        [
            (0, Rtp, address(6970), 12),
            (0, Rtcp, address(6971), 24),
            (1, Rtp, address(6970), 12),
            (1, Rtcp, address(6971), 24),
        ]
    );
    // Reports go where the camera's come from.
    assert!(matches!(playing.take_kind("10.0.0.7:5001", Rtcp)[..], [Output::Packet { .. }]));
    let due = playing.session.next_deadline().unwrap();
    assert_eq!(due, Duration::from_secs(30));
    playing.session.timeout(due);
    playing.outputs = std::iter::from_fn(|| playing.session.poll()).collect();
    assert!(matches!(playing.outputs[0], Output::Act(Action::Send(_))));
    assert_eq!(playing.datagrams(), [(0, Rtcp, address(5001), 24), (1, Rtcp, address(6971), 24)]);
}

#[test]
fn without_ports_of_the_camera_nothing_is_sent_there() {
    assert_eq!(Playing::new("RTP/AVP;unicast;client_port=7000-7001").datagrams(), []);
}

/// Whatever is sent to SETUP over TCP, and what comes of it over UDP.
fn refuse_tcp(status: &'static str) -> impl FnMut(&Request) -> Option<Reply> {
    move |request| {
        let over_tcp = request.header("Transport").is_some_and(|value| value.contains("TCP"));
        over_tcp.then(|| request.reply(status, "").into())
    }
}

#[test]
fn a_camera_that_refuses_tcp_is_asked_for_udp_on_the_same_connection() {
    for status in ["461 Unsupported Transport", "400 Bad", "406 No", "451 No", "500 No", "501 No"] {
        let run = dialogue(refuse_tcp(status));
        assert!(run.is_playing(), "{status} {run:#?}");
        assert!(run.playing().iter().all(|medium| medium.is_over_udp));
        assert_eq!(run.connections, 1);
        assert_eq!(run.methods()[2..6], ["SETUP", "SETUP", "SETUP", "PLAY"]);
        assert!(run.heads[3].contains("Transport: RTP/AVP;unicast;client_port=7000-7001\r\n"));
    }
    // An answer that names UDP although TCP was asked for.
    let run = dialogue(|request| {
        let transport = "Session: 1\nTransport: RTP/AVP;unicast;client_port=1-2;server_port=3-4";
        let over_tcp = request.header("Transport").is_some_and(|value| value.contains("TCP"));
        over_tcp.then(|| request.reply("200 OK", transport).into())
    });
    assert!(run.is_playing(), "{run:#?}");
}

#[test]
fn it_is_not_asked_for_udp_where_that_is_not_wanted_or_not_the_cause() {
    let video = MediumName { index: 0, kind: crate::MediaKind::Video };
    let refused = |status| End::Refused { request: Method::Setup, medium: Some(video), status };
    let tcp = settings(TransportChoice::Tcp);
    let run = run_with(tcp, &mut refuse_tcp("461 Unsupported Transport"));
    assert_eq!(run.end, Some(refused(461)));
    let run = dialogue(refuse_tcp("453 Not Enough Bandwidth"));
    assert_eq!(run.end, Some(refused(453)));
    // Both refused: the status that says more.
    let run = dialogue(|request| {
        let transport = request.header("Transport")?;
        let status = if transport.contains("TCP") { "461 No" } else { "404 Not Found" };
        Some(request.reply(status, "").into())
    });
    assert_eq!(run.end, Some(refused(404)));
    let run = dialogue(|request| {
        let transport = request.header("Transport")?;
        let status = if transport.contains("TCP") { "500 No" } else { "461 No" };
        Some(request.reply(status, "").into())
    });
    assert_eq!(run.end, Some(refused(500)));
}

#[test]
fn media_that_comes_interleaved_although_udp_was_asked_for_is_taken() {
    let run = run_with(settings(TransportChoice::Udp), &mut |request| {
        request.is("SETUP").then(|| {
            let pair = if request.is_sound() { "2-3" } else { "0-1" };
            let transport = format!("Session: 1\nTransport: RTP/AVP/TCP;interleaved={pair}");
            request.reply("200 OK", &transport).into()
        })
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.seen(), [D::TransportKind]);
    assert!(run.outputs.contains(&Output::Act(Action::CloseUdp { medium: 0 })));
}

#[test]
fn sockets_that_cannot_be_opened_cost_their_medium() {
    let mut session = RtspSession::new(settings(TransportChoice::Udp), Duration::ZERO);
    let mut end = None;
    let mut sent = 0;
    let mut opened = Vec::new();
    while let Some(output) = session.poll() {
        match output {
            Output::Act(Action::Connect { .. }) => {
                session.connected(PEER.parse().unwrap(), Duration::ZERO)
            }
            Output::Act(Action::OpenUdp { medium }) => {
                opened.push(medium);
                session.udp_failed(medium, Duration::ZERO);
            }
            Output::Act(Action::Send(bytes)) => {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                let mut words = text.split(' ');
                let (method, uri) =
                    (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
                sent += 1;
                let request =
                    Request { method, uri, cseq: sent.to_string(), text: text.clone(), nth: 0 };
                session.received(request.standard().into(), Duration::ZERO);
            }
            Output::Ended(why) => end = Some(why),
            _ => {}
        }
    }
    assert_eq!((opened, end), (vec![0], Some(End::NoUdpPorts)));
}
