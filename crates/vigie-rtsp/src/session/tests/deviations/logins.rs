//! Challenges and redirections, wherever they come.

use super::*;

/// Digest with the right password, as the camera judges it.
fn is_granted(request: &Request, nonce: &str) -> bool {
    request.header("Authorization").is_some_and(|value| {
        value.starts_with("Digest username=\"viewer\"")
            && value.contains(&format!("nonce=\"{nonce}\""))
    })
}

fn challenge(request: &Request, nonce: &str, more: &str) -> Reply {
    let header =
        format!("WWW-Authenticate: Digest realm=\"cam\", nonce=\"{nonce}\", qop=\"auth\"{more}");
    request.reply("401 Unauthorized", &header).into()
}

#[test]
fn a_challenge_at_any_request_is_answered_within_the_session() {
    for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER"] {
        let run = run_with(with_login(), &mut |request| {
            (request.is(method) && !is_granted(request, "n1")).then(|| challenge(request, "n1", ""))
        });
        assert_eq!(run.packet_counts(), (2, 1), "{method}: {run:#?}");
        assert_eq!(run.end, Some(End::Closed));
        assert_eq!(run.seen(), []);
        assert_eq!(run.requests.len(), 9, "{method}: {:#?}", run.requests);
        // Kept for what follows.
        assert!(run.heads[8].contains("Authorization: Digest"), "{}", run.heads[8]);
    }
}

#[test]
fn a_new_nonce_is_answered_once_and_again() {
    // Each nonce is good for one request.
    let mut serial = 0;
    let run = run_with(with_login(), &mut |request| {
        let granted = is_granted(request, &format!("n{serial}"));
        serial += 1;
        (!granted).then(|| challenge(request, &format!("n{serial}"), "")).inspect(|_| ()).or(None)
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    // The same, told as stale.
    let mut old = true;
    let run = run_with(with_login(), &mut |request| {
        if is_granted(request, "n2") {
            return None;
        }
        old = !old;
        match is_granted(request, "n1") {
            true => Some(challenge(request, "n2", ", stale=TRUE")),
            false => Some(challenge(request, "n1", "")),
        }
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    // A keep-alive whose nonce is outworn.
    let run = run_with(with_login(), &mut |request| {
        let nonce = if request.is("GET_PARAMETER") { "n2" } else { "n1" };
        (!is_granted(request, nonce)).then(|| challenge(request, nonce, ""))
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.end, Some(End::Closed));
    assert_eq!(run.connections, 1);
    assert_eq!(run.seen(), []);
}

#[test]
fn a_keep_alive_that_is_refused_for_good_does_not_end_a_session() {
    let run = run_with(with_login(), &mut |request| {
        request.is("GET_PARAMETER").then(|| challenge(request, "n", ""))
    });
    assert_eq!(run.end, Some(End::Closed));
    assert_eq!(run.seen(), [D::KeepAliveRefused]);
    let sent = run.methods().iter().filter(|method| **method == "GET_PARAMETER").count();
    assert_eq!(sent, 2);
}

#[test]
fn a_connection_closed_behind_a_challenge_is_opened_again_once() {
    let mut closed = false;
    let run = run_with(with_login(), &mut |request| {
        if closed || request.is("OPTIONS") {
            return None;
        }
        closed = true;
        let Reply::Bytes(bytes) = challenge(request, "n", "") else { unreachable!() };
        Some(Reply::CloseBehind(bytes))
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.connections, 2);
    assert_eq!(run.seen(), [D::ConnectionClosed]);
}

#[test]
fn a_nonce_of_another_connection_is_no_judgement_of_the_password() {
    let mut connections = 0;
    let run = run_with(with_login(), &mut |request| {
        if request.is("OPTIONS") {
            connections += 1;
            return None;
        }
        let nonce = format!("n{connections}");
        let Reply::Bytes(bytes) = challenge(request, &nonce, "") else { unreachable!() };
        match connections {
            1 => Some(Reply::CloseBehind(bytes)),
            _ => (!is_granted(request, &nonce)).then_some(Reply::Bytes(bytes)),
        }
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.connections, 2);
}

#[test]
fn redirections_are_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "305 Use Proxy", "307 Temporary"] {
        for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] {
            let run = dialogue(|request| {
                (request.is(method) && request.uri.contains("//camera/"))
                    .then(|| request.reply(status, "Location: rtsp://other:8554/live").into())
            });
            assert_eq!(run.packet_counts(), (2, 1), "{method} {status}: {run:#?}");
            assert_eq!(run.connections, 2);
            let connect = run
                .outputs
                .iter()
                .rev()
                .find(|output| matches!(output, Output::Act(Action::Connect { .. })));
            let expect = Output::Act(Action::Connect {
                host: "other".to_owned(),
                port: 8554,
                tls: false,
                reason: ConnectReason::Redirected,
            });
            assert_eq!(connect, Some(&expect));
        }
    }
}

#[test]
fn a_redirection_to_the_same_host_needs_no_other_connection() {
    let run = dialogue(|request| {
        (request.is("DESCRIBE") && request.uri.ends_with("/live"))
            .then(|| request.reply("302 Found", "Location: /main").into())
    });
    assert_eq!(run.connections, 1);
    assert_eq!(run.requests[2], "DESCRIBE rtsp://camera/main");
    assert_eq!(run.packet_counts(), (2, 1));
}

#[test]
fn the_login_stays_with_its_host() {
    let go = |location: &'static str| {
        run_with(with_login(), &mut |request| match request.is("DESCRIBE") {
            true if request.uri.contains("//camera/live") => {
                Some(request.reply("302 Found", &format!("Location: {location}")).into())
            }
            _ => (!is_granted(request, "n")).then(|| challenge(request, "n", "")),
        })
    };
    let other = go("rtsp://user:pw@other/live");
    assert_eq!(other.end, Some(End::LoginWanted { host: "other".to_owned() }));
    let leaked = |run: &Run| {
        run.heads.iter().any(|head| head.contains("//other") && head.contains("Authorization"))
    };
    assert!(!leaked(&other), "{:#?}", other.heads);
    assert!(!other.heads.iter().any(|head| head.contains("user:pw")));
    let same = go("rtsp://CAMERA:8554/live2");
    assert_eq!(same.packet_counts(), (2, 1), "{same:#?}");
}
