//! Requests of real producers: their heads as captured, and the same shapes signed with a key that is known.

use base16ct::lower::encode_string;

use super::super::canonical::{Scope, SigningKey, canonical_request, string_to_sign};
use super::*;

const CAPTURES: [(&str, &str); 9] = [
    ("embc", include_str!("../../../tests/fixtures/put_media/embc_putmedia_1.http")),
    (
        "kvssink http",
        include_str!("../../../tests/fixtures/put_media/kvssink_http_putmedia_1.http"),
    ),
    ("kvssink", include_str!("../../../tests/fixtures/put_media/kvssink_putmedia_1.http")),
    ("C alaw", include_str!("../../../tests/fixtures/put_media/sdkc_alaw_putmedia_1.http")),
    ("C audio", include_str!("../../../tests/fixtures/put_media/sdkc_audio_putmedia_1.http")),
    ("C av", include_str!("../../../tests/fixtures/put_media/sdkc_av_putmedia_1.http")),
    ("C h265", include_str!("../../../tests/fixtures/put_media/sdkc_h265_putmedia_1.http")),
    ("C offline", include_str!("../../../tests/fixtures/put_media/sdkc_offline_putmedia_1.http")),
    ("C video", include_str!("../../../tests/fixtures/put_media/sdkc_video_putmedia_1.http")),
];

fn captured(text: &str) -> Request {
    let mut lines = text.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    Request::new(method, target, &headers, "")
}

/// Signs the request as it stands: these headers, this payload line, this region and service, and this Host.
fn sign_shaped(request: &Request, names: &[&str], payload: &str, host: Option<&str>) -> String {
    let date = request.with_head(|head| head.text("x-amz-date").unwrap().to_owned());
    let scope = Scope {
        date: date[..8].to_owned(),
        region: "us-west-2".to_owned(),
        service: "kinesisvideo".to_owned(),
    };
    let canonical = request.with_head(|head| canonical_request(head, names, host, payload));
    let key = SigningKey::derive(SECRET, &scope);
    let signature = encode_string(&key.signature(&string_to_sign(&date, &scope, &canonical)));
    let credential = scope.credential("AKIDEXAMPLE");
    let names = names.join(";");
    format!(
        "AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    )
}

fn verify(request: &Request, region: Option<&str>) -> Result<(), SigV4Error> {
    let expected = Expected { service: "kinesisvideo", region, skew_window: SKEW_WINDOW };
    request.with_head(|head| {
        let claim = Claim::parse(head)?;
        let now = claim_time(head);
        claim.verify(head, Payload::Streaming, &Sensitive::new(SECRET), &expected, now)
    })
}

/// The moment at which the request was signed.
fn claim_time(head: &RequestHead<'_>) -> Timestamp {
    let text = head.text("x-amz-date").unwrap();
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).unwrap();
    let instant = jiff::tz::TimeZone::UTC.to_timestamp(civil).unwrap();
    Timestamp::from_millis(instant.as_millisecond())
}

const C_SIGNED: [&str; 9] = [
    "connection",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-amz-date",
    "x-amzn-fragment-acknowledgment-required",
    "x-amzn-fragment-timecode-type",
    "x-amzn-producer-start-timestamp",
    "x-amzn-stream-name",
];

#[test]
fn captured_heads_are_read_and_only_their_key_is_wrong() {
    for (name, text) in CAPTURES {
        let request = captured(text);
        let claim = request.with_head(Claim::parse).unwrap();
        assert_eq!(claim.access_key_id(), "AKIAEXAMPLE0000000", "{name}");
        assert_eq!(claim.region(), "us-west-2", "{name}");
        // All that can be checked without the key holds: scope, time, signed headers.
        assert_eq!(verify(&request, Some("us-west-2")), Err(SigV4Error::Mismatch), "{name}");
        let other_region = verify(&request, Some("us-east-1"));
        assert!(matches!(other_region, Err(SigV4Error::Scope(_))), "{name}");
    }
}

#[test]
fn requests_of_the_captured_shapes_are_accepted() {
    for (name, text) in CAPTURES {
        let mut request = captured(text);
        let authorization = sign_shaped(&request, &C_SIGNED, EMPTY_PAYLOAD_SHA256, None);
        request.set("authorization", &authorization);
        // The C producers add the token after signing.
        request.push("x-amz-security-token", "TOKEN");
        assert_eq!(verify(&request, None), Ok(()), "{name}");
        request.set("x-amzn-stream-name", "another");
        assert_eq!(verify(&request, None), Err(SigV4Error::Mismatch), "{name}");
    }
}

#[test]
fn every_payload_convention_of_amazon_s_producers_is_accepted() {
    let (_, text) = CAPTURES[0];
    let check = |payload: &str, sent: Option<&str>, expect: Result<(), SigV4Error>| {
        let mut request = captured(text);
        let authorization = sign_shaped(&request, &C_SIGNED, payload, None);
        request.set("authorization", &authorization);
        if let Some(sent) = sent {
            request.push("x-amz-content-sha256", sent);
        }
        assert_eq!(verify(&request, None), expect, "{payload} {sent:?}");
    };
    check(EMPTY_PAYLOAD_SHA256, None, Ok(())); // C, kvssink, embedded C, Go
    check(UNSIGNED_PAYLOAD, Some(UNSIGNED_PAYLOAD), Ok(())); // Java producer: added after signing
    check(EMPTY_PAYLOAD_SHA256, Some(UNSIGNED_PAYLOAD), Ok(())); // Java producer over http
    check(STREAMING_PAYLOAD, Some(STREAMING_PAYLOAD), Ok(())); // AWS SDK for Java v1
    check(UNSIGNED_PAYLOAD, None, Ok(()));
    let hash = "0".repeat(64);
    check(&hash, Some(&hash), Ok(()));
    check(&hash, None, Err(SigV4Error::Mismatch));
}

#[test]
fn a_host_signed_without_its_port_is_accepted() {
    for (sent, signed, expect) in [
        ("localhost:8440", "localhost", Ok(())),
        ("localhost:8440", "localhost:8440", Ok(())),
        ("[::1]:8440", "[::1]", Ok(())),
        ("localhost:8440", "example.com", Err(SigV4Error::Mismatch)),
        ("localhost", "localhost:8440", Err(SigV4Error::Mismatch)),
        ("[::1]", "[:", Err(SigV4Error::Mismatch)),
    ] {
        let (_, text) = CAPTURES[0];
        let mut request = captured(text);
        request.set("host", sent);
        let authorization = sign_shaped(&request, &C_SIGNED, EMPTY_PAYLOAD_SHA256, Some(signed));
        request.set("authorization", &authorization);
        assert_eq!(verify(&request, None), expect, "{sent} {signed}");
    }
}

#[test]
fn what_a_request_means_must_be_signed() {
    let (_, text) = CAPTURES[0];
    let mut request = captured(text);
    let names: Vec<&str> =
        C_SIGNED.into_iter().filter(|name| *name != "x-amzn-stream-name").collect();
    let authorization = sign_shaped(&request, &names, EMPTY_PAYLOAD_SHA256, None);
    request.set("authorization", &authorization);
    assert!(matches!(verify(&request, None), Err(SigV4Error::Incomplete(_))));
}
