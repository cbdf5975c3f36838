//! RTSP dialogues, request by request.

use rtsp_types::Message;

use super::*;

/// Says what it was told instead of doing it.
#[derive(Default)]
struct Told(Vec<String>);

impl Delivery for Told {
    fn set_up(&mut self, track: usize, offer: TransportOffer) -> io::Result<String> {
        self.0.push(format!("set up track {track}: {offer:?}"));
        Ok(format!("transport of track {track}"))
    }

    fn play(&mut self, mount: usize) -> Vec<Start> {
        self.0.push(format!("play mount {mount}"));
        let start = |track| Start { track, sequence: 10, timestamp: 20 };
        vec![start(0), start(1)]
    }

    fn pause(&mut self) {
        self.0.push("pause".to_owned());
    }

    fn tear_down(&mut self) {
        self.0.push("tear down".to_owned());
    }
}

/// Two mounts of two tracks; what is answered and done, request by request. A request is a method, a path and
/// headers, separated by `|`.
fn dialogue(requests: &[&str]) -> String {
    with_offer(offer(None), requests)
}

fn offer(credentials: Option<Credentials>) -> Offer {
    let sdp = "v=0\r\n".to_owned();
    Offer {
        mounts: 2,
        track_count: 2,
        sdp,
        credentials,
        auth: AuthScheme::Both,
        udp_only: false,
        lose_every: 0,
        delay_every: 0,
        rtp_time_start: None,
    }
}

fn with_offer(offer: Offer, requests: &[&str]) -> String {
    let mut session = RtspSession::new(Arc::new(offer), "nonce".to_owned(), 0xabc);
    let mut told = Told::default();
    let mut text = String::new();
    for (request, cseq) in requests.iter().zip(1..) {
        let (method, rest) = request.split_once(' ').unwrap_or((request, "*"));
        let (path, headers) = rest.split_once('|').unwrap_or((rest, ""));
        let uri = if path == "*" { "*".to_owned() } else { format!("rtsp://camera{path}") };
        let headers: String = headers.split_terminator('|').map(|h| format!("{h}\r\n")).collect();
        let bytes = format!("{method} {uri} RTSP/1.0\r\nCSeq: {cseq}\r\n{headers}\r\n");
        let (Message::Request(request), _) = Message::<Vec<u8>>::parse(&bytes).unwrap() else {
            panic!("not a request")
        };
        let response = String::from_utf8(session.answer(&request, &mut told)).unwrap();
        text.push_str(&format!("{method} {path}\n"));
        text.extend(told.0.drain(..).map(|told| format!("  ! {told}\n")));
        let mut lines = response.lines().filter(|line| !line.is_empty());
        text.push_str(&format!("  {}\n", lines.next().unwrap()));
        // CSeq and Server are the same everywhere.
        text.extend(lines.skip(2).map(|line| format!("    {line}\n")));
    }
    text
}

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
const SESSION: &str = "Session: 0000000000000abc";

#[test]
fn a_client_plays_a_mount_from_describe_to_teardown() {
    insta::assert_snapshot!(dialogue(&[
        "OPTIONS",
        "DESCRIBE /cam1|Accept: application/sdp",
        &format!("SETUP /cam1/trackID=0|{TCP}"),
        &format!("SETUP /cam1/trackID=1|Transport: RTP/AVP/TCP;interleaved=2-3|{SESSION}"),
        &format!("PLAY /cam1/|{SESSION}|Range: npt=0.000-"),
        &format!("GET_PARAMETER /cam1/|{SESSION}"),
        &format!("PAUSE /cam1/|{SESSION}"),
        &format!("PLAY /cam1/|{SESSION}"),
        &format!("TEARDOWN /cam1/|{SESSION}"),
        &format!("SETUP /cam0/trackID=0/|{TCP}"),
    ]), @r#"
    OPTIONS *
      RTSP/1.0 200 OK
        Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER
    DESCRIBE /cam1
      RTSP/1.0 200 OK
        Content-Base: rtsp://camera/cam1/
        Content-Type: application/sdp
        Content-Length: 5
        v=0
    SETUP /cam1/trackID=0
      ! set up track 0: Interleaved { channels: Some((0, 1)) }
      RTSP/1.0 200 OK
        Transport: transport of track 0
        Session: 0000000000000abc;timeout=60
    SETUP /cam1/trackID=1
      ! set up track 1: Interleaved { channels: Some((2, 3)) }
      RTSP/1.0 200 OK
        Transport: transport of track 1
        Session: 0000000000000abc;timeout=60
    PLAY /cam1/
      ! play mount 1
      RTSP/1.0 200 OK
        Session: 0000000000000abc
        Range: npt=now-
        RTP-Info: url=rtsp://camera/cam1/trackID=0;seq=10;rtptime=20,url=rtsp://camera/cam1/trackID=1;seq=10;rtptime=20
    GET_PARAMETER /cam1/
      RTSP/1.0 200 OK
        Session: 0000000000000abc
    PAUSE /cam1/
      ! pause
      RTSP/1.0 200 OK
        Session: 0000000000000abc
    PLAY /cam1/
      ! play mount 1
      RTSP/1.0 200 OK
        Session: 0000000000000abc
        Range: npt=now-
        RTP-Info: url=rtsp://camera/cam1/trackID=0;seq=10;rtptime=20,url=rtsp://camera/cam1/trackID=1;seq=10;rtptime=20
    TEARDOWN /cam1/
      ! tear down
      RTSP/1.0 200 OK
    SETUP /cam0/trackID=0/
      ! set up track 0: Interleaved { channels: Some((0, 1)) }
      RTSP/1.0 200 OK
        Transport: transport of track 0
        Session: 0000000000000abd;timeout=60
    "#);
}

#[test]
fn what_is_not_there_is_not_found() {
    insta::assert_snapshot!(dialogue(&[
        "DESCRIBE /cam2",
        "DESCRIBE /cam01",
        "DESCRIBE /cam+1",
        "DESCRIBE /cam0/trackID=0",
        "DESCRIBE /",
        &format!("SETUP /cam0/trackID=2|{TCP}"),
        &format!("SETUP /cam0/trackID=0/more|{TCP}"),
        "DESCRIBE /cam0|Accept: text/html",
    ]), @r#"
    DESCRIBE /cam2
      RTSP/1.0 404 Not Found
    DESCRIBE /cam01
      RTSP/1.0 404 Not Found
    DESCRIBE /cam+1
      RTSP/1.0 404 Not Found
    DESCRIBE /cam0/trackID=0
      RTSP/1.0 404 Not Found
    DESCRIBE /
      RTSP/1.0 404 Not Found
    SETUP /cam0/trackID=2
      RTSP/1.0 404 Not Found
    SETUP /cam0/trackID=0/more
      RTSP/1.0 404 Not Found
    DESCRIBE /cam0
      RTSP/1.0 406 Not Acceptable
    "#);
}

#[test]
fn sessions_are_asked_for_by_their_id_and_as_a_whole() {
    insta::assert_snapshot!(dialogue(&[
        "PLAY /cam0|Session: 0000000000000abc",
        "PLAY /cam0",
        &format!("SETUP /cam0/trackID=0|{TCP}|Session: other"),
        &format!("SETUP /cam0|{TCP}"),
        &format!("SETUP /cam0/trackID=0|{TCP}"),
        &format!("SETUP /cam1/trackID=1|{TCP}|{SESSION}"),
        "PLAY /cam0",
        "PLAY /cam0|Session: other",
        &format!("PLAY /cam1|{SESSION}"),
        &format!("PAUSE /cam0|{SESSION}"),
        &format!("PLAY /cam0/trackID=0|{SESSION};timeout=60"),
        &format!("SETUP /cam0/trackID=1|{TCP}|{SESSION}"),
        "GET_PARAMETER /cam0|Session: other",
        &format!("SET_PARAMETER /cam0|{SESSION}"),
    ]), @r#"
    PLAY /cam0
      RTSP/1.0 454 Session Not Found
    PLAY /cam0
      RTSP/1.0 454 Session Not Found
    SETUP /cam0/trackID=0
      RTSP/1.0 454 Session Not Found
    SETUP /cam0
      RTSP/1.0 459 Aggregate Operation Not Allowed
    SETUP /cam0/trackID=0
      ! set up track 0: Interleaved { channels: Some((0, 1)) }
      RTSP/1.0 200 OK
        Transport: transport of track 0
        Session: 0000000000000abc;timeout=60
    SETUP /cam1/trackID=1
      RTSP/1.0 459 Aggregate Operation Not Allowed
    PLAY /cam0
      RTSP/1.0 454 Session Not Found
    PLAY /cam0
      RTSP/1.0 454 Session Not Found
    PLAY /cam1
      RTSP/1.0 454 Session Not Found
    PAUSE /cam0
      RTSP/1.0 455 Method Not Valid In This State
    PLAY /cam0/trackID=0
      ! play mount 0
      RTSP/1.0 200 OK
        Session: 0000000000000abc
        Range: npt=now-
        RTP-Info: url=rtsp://camera/cam0/trackID=0;seq=10;rtptime=20
    SETUP /cam0/trackID=1
      RTSP/1.0 455 Method Not Valid In This State
    GET_PARAMETER /cam0
      RTSP/1.0 454 Session Not Found
    SET_PARAMETER /cam0
      RTSP/1.0 200 OK
        Session: 0000000000000abc
    "#);
}

#[test]
fn transports_that_the_camera_does_not_have_are_refused() {
    insta::assert_snapshot!(dialogue(&[
        "SETUP /cam0/trackID=0",
        "SETUP /cam0/trackID=0|Transport: RTP/AVP;multicast",
        "SETUP /cam0/trackID=0|Transport: RTP/AVP;unicast;client_port=5000-5001",
        // All tracks of a session take the same kind of transport; the only one may be set up anew.
        &format!("SETUP /cam0/trackID=1|{TCP}|{SESSION}"),
        &format!("SETUP /cam0/trackID=0|{TCP}|{SESSION}"),
        &format!("SETUP /cam0/trackID=1|Transport: RTP/AVP/TCP;interleaved=2-3|{SESSION}"),
        &format!("PLAY /cam0/trackID=1|{SESSION}"),
    ]), @r#"
    SETUP /cam0/trackID=0
      RTSP/1.0 461 Unsupported Transport
    SETUP /cam0/trackID=0
      RTSP/1.0 461 Unsupported Transport
    SETUP /cam0/trackID=0
      ! set up track 0: Udp { rtp_port: 5000, rtcp_port: 5001 }
      RTSP/1.0 200 OK
        Transport: transport of track 0
        Session: 0000000000000abc;timeout=60
    SETUP /cam0/trackID=1
      RTSP/1.0 461 Unsupported Transport
    SETUP /cam0/trackID=0
      ! set up track 0: Interleaved { channels: Some((0, 1)) }
      RTSP/1.0 200 OK
        Transport: transport of track 0
        Session: 0000000000000abc;timeout=60
    SETUP /cam0/trackID=1
      ! set up track 1: Interleaved { channels: Some((2, 3)) }
      RTSP/1.0 200 OK
        Transport: transport of track 1
        Session: 0000000000000abc;timeout=60
    PLAY /cam0/trackID=1
      RTSP/1.0 460 Only Aggregate Operation ALlowed
    "#);
}

#[test]
fn methods_versions_and_options_that_are_unknown_are_said_to_be() {
    insta::assert_snapshot!(dialogue(&[
        "ANNOUNCE /cam0",
        "RECORD /cam0",
        "FLY /cam0",
        "DESCRIBE /cam0|Require: www.onvif.org/ver20/backchannel",
        "DESCRIBE *",
        "GET_PARAMETER /cam0",
    ]), @r#"
    ANNOUNCE /cam0
      RTSP/1.0 405 Method Not Allowed
        Allow: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER
    RECORD /cam0
      RTSP/1.0 405 Method Not Allowed
        Allow: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER
    FLY /cam0
      RTSP/1.0 501 Not Implemented
        Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER
    DESCRIBE /cam0
      RTSP/1.0 551 Option Not Supported
        Unsupported: www.onvif.org/ver20/backchannel
    DESCRIBE *
      RTSP/1.0 400 Bad Request
    GET_PARAMETER /cam0
      RTSP/1.0 200 OK
    "#);
    let answer = |bytes: &[u8]| {
        let (Message::Request(request), _) = Message::<Vec<u8>>::parse(bytes).unwrap() else {
            panic!("not a request")
        };
        let mut session = RtspSession::new(Arc::new(offer(None)), String::new(), 1);
        let response = session.answer(&request, &mut Told::default());
        String::from_utf8(response).unwrap().lines().next().unwrap().to_owned()
    };
    assert_eq!(answer(b"OPTIONS * RTSP/1.0\r\n\r\n"), "RTSP/1.0 400 Bad Request");
    assert_eq!(answer(b"OPTIONS * RTSP/1.0\r\nCSeq: x\r\n\r\n"), "RTSP/1.0 400 Bad Request");
    assert_eq!(
        answer(b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n"),
        "RTSP/1.0 505 RTSP Version Not Supported"
    );
    assert_eq!(
        answer(
            b"GET_PARAMETER rtsp://camera/cam0 RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 2\r\n\r\nab"
        ),
        "RTSP/1.0 451 Parameter Not Understood"
    );
}

#[test]
fn without_credentials_only_options_is_answered() {
    let credentials = Credentials { user: "admin".to_owned(), password: "secret".to_owned() };
    let basic = "Authorization: Basic YWRtaW46c2VjcmV0";
    insta::assert_snapshot!(with_offer(offer(Some(credentials)), &[
        "OPTIONS",
        "DESCRIBE /cam0",
        "DESCRIBE /cam9",
        &format!("SETUP /cam0/trackID=0|{TCP}"),
        "TEARDOWN /cam0|Session: 0000000000000abc",
        "DESCRIBE /cam0|Authorization: Digest username=\"admin\", realm=\"Vigie camera\", nonce=\"old\", \
         uri=\"rtsp://camera/cam0\", response=\"0\"",
        &format!("DESCRIBE /cam0|{basic}"),
        &format!("DESCRIBE /cam9|{basic}"),
    ]), @r#"
    OPTIONS *
      RTSP/1.0 200 OK
        Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER
    DESCRIBE /cam0
      RTSP/1.0 401 Unauthorized
        WWW-Authenticate: Digest realm="Vigie camera", nonce="nonce", qop="auth"
        WWW-Authenticate: Basic realm="Vigie camera"
    DESCRIBE /cam9
      RTSP/1.0 401 Unauthorized
        WWW-Authenticate: Digest realm="Vigie camera", nonce="nonce", qop="auth"
        WWW-Authenticate: Basic realm="Vigie camera"
    SETUP /cam0/trackID=0
      RTSP/1.0 401 Unauthorized
        WWW-Authenticate: Digest realm="Vigie camera", nonce="nonce", qop="auth"
        WWW-Authenticate: Basic realm="Vigie camera"
    TEARDOWN /cam0
      RTSP/1.0 401 Unauthorized
        WWW-Authenticate: Digest realm="Vigie camera", nonce="nonce", qop="auth"
        WWW-Authenticate: Basic realm="Vigie camera"
    DESCRIBE /cam0
      RTSP/1.0 401 Unauthorized
        WWW-Authenticate: Digest realm="Vigie camera", nonce="nonce", qop="auth", stale=true
        WWW-Authenticate: Basic realm="Vigie camera"
    DESCRIBE /cam0
      RTSP/1.0 200 OK
        Content-Base: rtsp://camera/cam0/
        Content-Type: application/sdp
        Content-Length: 5
        v=0
    DESCRIBE /cam9
      RTSP/1.0 404 Not Found
    "#);
}
