//! Answers to challenges: the RFCs' own values, and what is chosen among several.

use super::*;

fn login(user: &str, password: &str) -> Login {
    Login { user: user.to_owned(), password: Password::new(password) }
}

#[track_caller]
fn answer(header: &str, cnonce: &str, login: &Login, uri: &str) -> String {
    let chosen = Authenticator::choose(std::iter::once(header), cnonce.to_owned());
    chosen.unwrap().authorization(login, Method::Describe, uri)
}

fn parameter(answer: &str, name: &str) -> Option<String> {
    challenges(answer).pop()?.get(name).map(str::to_owned)
}

/// All responses were computed with `md5sum`, `sha256sum` and Python's hashlib from the RFC's formulas, not by the code
/// under test. User `Mufasa`, password `Circle of Life`, DESCRIBE of `rtsp://c/live`.
#[track_caller]
fn check(challenge: &str, response: &str) {
    let answer = answer(challenge, "0a4f113b", &login("Mufasa", "Circle of Life"), "rtsp://c/live");
    assert_eq!(parameter(&answer, "response").as_deref(), Some(response), "{answer}");
    assert_eq!(parameter(&answer, "uri").as_deref(), Some("rtsp://c/live"));
}

#[test]
fn digests_are_those_of_the_rfcs() {
    let challenge = |more: &str| format!("Digest realm=\"r@c\", nonce=\"dcd98b\"{more}");
    check(&challenge(""), "c1a8795c0e721345bd15f3860e82a417");
    check(&challenge(", qop=\"auth\""), "cbe8e6da51c47a78e9063e124b7a2a1d");
    check(&challenge(", qop=\"auth,auth-int\", algorithm=md5"), "cbe8e6da51c47a78e9063e124b7a2a1d");
    check(&challenge(", qop=\"auth-int, auth\""), "cbe8e6da51c47a78e9063e124b7a2a1d");
    check(&challenge(", qop=auth-int"), "f1602b6fc18daaa09cfb4232e1866b19");
    check(&challenge(", qop=\"\""), "c1a8795c0e721345bd15f3860e82a417");
    check(&challenge(", algorithm=MD5-sess, qop=\"auth\""), "e04e57a43e8b85d141c2f57bdfe7a1ad");
    check(
        &challenge(", algorithm=\"sha-256\", qop=\"auth\""),
        "1b75094f81f23ddf6dd0361b53e1e7c3a4a24d69e576b5691ce6453918df7e68",
    );
    check(
        &challenge(", algorithm=SHA-256"),
        "c51a901482f50e39fae8030f5fb884f26d857a2042d545b113975d664dd27e3e",
    );
    check(
        &challenge(", algorithm=SHA-256-sess, qop=\"auth\""),
        "20bb728285bfc8dfc5f9ac484856b3168533f6e1d8044f577a68ab41d8060686",
    );
    check(
        &challenge(", algorithm=SHA-512-256, qop=\"auth\""),
        "cdc8df6cefca9d8733f982ddb5369e3b6d874a8dfaf061572009e9962e5471b1",
    );
}

#[test]
fn the_count_grows_with_each_request_and_the_nonce_stays() {
    let chosen = Authenticator::choose(
        std::iter::once("Digest realm=\"r\", nonce=\"n\", qop=\"auth\", opaque=\"o\\\"p\""),
        "c".to_owned(),
    );
    let mut chosen = chosen.unwrap();
    let login = login("a\"b", "p");
    let first = chosen.authorization(&login, Method::Describe, "rtsp://c/");
    let second = chosen.authorization(&login, Method::Setup, "rtsp://c/");
    assert!(first.contains("qop=auth, nc=00000001, cnonce=\"c\""), "{first}");
    assert!(second.contains("qop=auth, nc=00000002, cnonce=\"c\""), "{second}");
    assert!(first.contains("username=\"a\\\"b\""), "{first}");
    assert_eq!(parameter(&second, "opaque").as_deref(), Some("o\"p"));
}

#[test]
fn digest_is_preferred_to_basic_and_the_first_supported_digest_to_others() {
    let choose = |headers: &[&str]| {
        let chosen = Authenticator::choose(headers.iter().copied(), "c".to_owned());
        let login = login("Aladdin", "open sesame");
        chosen.map(|mut chosen| chosen.authorization(&login, Method::Describe, "u"))
    };
    assert_eq!(choose(&["Basic realm=\"x\""]).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert_eq!(choose(&["basic"]).unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    let nonce = |headers: &[&str]| parameter(&choose(headers).unwrap(), "nonce");
    let md5 = "Digest realm=\"x\", nonce=\"5\", algorithm=MD5";
    let sha = "Digest realm=\"x\", nonce=\"256\", algorithm=SHA-256";
    let odd = "Digest realm=\"x\", nonce=\"odd\", algorithm=WHIRLPOOL";
    assert_eq!(nonce(&["Basic realm=\"x\"", md5]).as_deref(), Some("5"));
    assert_eq!(nonce(&[odd, sha, md5]).as_deref(), Some("256"));
    assert_eq!(nonce(&[&format!("Basic realm=\"x\", {md5}, {sha}")]).as_deref(), Some("5"));
    assert_eq!(nonce(&[&format!("{odd}, Basic realm=x")]), None);
    assert_eq!(choose(&[odd]).unwrap_err(), "Digest-WHIRLPOOL");
    assert_eq!(choose(&["Digest realm=x"]).unwrap_err(), "Digest");
    assert_eq!(choose(&["Digest nonce=x, qop=\"token\""]).unwrap_err(), "Digest-qop-token");
    assert_eq!(choose(&["Negotiate abc"]).unwrap_err(), "Negotiate");
    assert_eq!(choose(&["<script>"]).unwrap_err(), "");
    assert_eq!(choose(&[""]).unwrap_err(), "");
    assert_eq!(choose(&[]).unwrap_err(), "");
}

#[test]
fn a_hidden_user_is_sent_hashed() {
    let challenge = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", userhash=true";
    let answer = answer(challenge, "c", &login("user", "p"), "u");
    let hidden = parameter(&answer, "username").unwrap();
    assert_eq!(hidden, "f2014bc543adfc117d6000879437967d");
    assert!(answer.ends_with("userhash=true"), "{answer}");
}

#[test]
fn challenges_of_many_parts_are_bounded_and_read_in_any_form() {
    let many = "Digest a=b, ".repeat(10_000);
    assert!(challenges(&many).len() <= CHALLENGES_MAX + 1);
    let many = format!("Digest {}", "a=b, ".repeat(10_000));
    assert_eq!(challenges(&many)[0].parameters.len(), CHALLENGE_PARAMETERS_MAX);
    let found = challenges("Digest realm = \"a, b\" ,nonce=c;stale=TRUE, NTLM");
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].get("REALM"), Some("a, b"));
    assert_eq!(found[0].get("nonce"), Some("c"));
    assert_eq!(found[0].get("stale"), Some("TRUE"));
}

#[test]
fn a_password_does_not_print_and_client_nonces_differ() {
    assert_eq!(
        format!("{:?}", login("u", "secret")),
        "Login { user: \"u\", password: Password(…) }"
    );
    assert_ne!(cnonce(&[7; 16], 1), cnonce(&[7; 16], 2));
    assert_ne!(cnonce(&[7; 16], 1), cnonce(&[8; 16], 1));
    assert_eq!(cnonce(&[7; 16], 1).len(), 16);
}
