//! AWS's published SigV4 test suite: requests and the signatures they have to have.

use super::*;

const HOST: (&str, &str) = ("Host", "example.amazonaws.com");
const CREDENTIAL: &str = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
const UNRESERVED: &str = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A request of the suite, signed by header, is accepted with the suite's signature and with no other.
fn check(target: &str, headers: &[(&str, &str)], signed: &str, signature: &str) {
    let method = if target.starts_with("POST ") { "POST" } else { "GET" };
    let target = target.trim_start_matches("POST ").trim_start_matches("GET ");
    let mut request = Request::new(method, target, headers, "");
    request.push("X-Amz-Date", "20150830T123600Z");
    let authorization = |signature: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders={signed}, Signature={signature}"
        )
    };
    request.set("Authorization", &authorization(signature));
    let claim = request.verify_as(false, "service", then());
    assert_eq!(claim.map(|claim| claim.access_key_id().to_owned()), Ok("AKIDEXAMPLE".to_owned()));

    let other = signature.replace(['0', '1'], "2");
    request.set("Authorization", &authorization(&other));
    let refused = request.verify_as(false, "service", then()).map(drop);
    assert_eq!(refused, Err(SigV4Error::Mismatch));
}

#[test]
fn paths_are_normalised_and_encoded() {
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let check = |path: &str, signature| check(path, &[HOST], "host;x-amz-date", signature);
    for path in ["/", "//", "/./", "/example/..", "/example1/example2/../.."] {
        check(path, vanilla);
    }
    let pointless_dot = "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5";
    check("/./example", pointless_dot);
    let slashes = "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84";
    check("//example//", slashes);
    let space = "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741";
    check("/example space/", space);
    let unreserved = "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f";
    check(&format!("/{UNRESERVED}"), unreserved);
    check("/ሴ", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
}

#[test]
fn queries_are_decoded_encoded_and_sorted() {
    let check = |target: &str, signature| check(target, &[HOST], "host;x-amz-date", signature);
    check("/?Param1=value1", "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb");
    check(
        "/?Param2=value2&Param1=value1",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    check(
        "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
    );
    check("/?ሴ=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
    check(
        &format!("/?{UNRESERVED}={UNRESERVED}"),
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    );
    check(
        "POST /?Param1=value1",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    );
}

#[test]
fn headers_are_trimmed_joined_and_sorted() {
    check(
        "GET /",
        &[HOST, ("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1")],
        "host;my-header1;x-amz-date",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    check(
        "GET /",
        &[HOST, ("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    check(
        "POST /",
        &[("My-Header1", "value1"), HOST],
        "host;my-header1;x-amz-date",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    );
    check(
        "POST /",
        &[HOST, ("My-Header1", "VALUE1")],
        "host;my-header1;x-amz-date",
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
    );
}

/// The token of the suite.
const TOKEN: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

#[test]
fn a_session_token_may_be_signed_or_added_after_signing() {
    let headers = [HOST, ("X-Amz-Security-Token", TOKEN)];
    check(
        "POST /",
        &headers,
        "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    );
    check(
        "POST /",
        &headers,
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    );
}

#[test]
fn presigned_urls_hold_until_they_run_out() {
    let presigned = |signature: &str, more: &str| {
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host&X-Amz-Expires=3600{more}&X-Amz-Signature={signature}"
        );
        Request::new("GET", &format!("/?{query}"), &[HOST], "")
    };
    let vanilla = "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d";
    let request = presigned(vanilla, "");
    let at =
        |minutes: i64| request.verify_as(false, "service", then().plus_millis(minutes * 60_000));
    assert!(at(0).is_ok() && at(-5).is_ok() && at(60).is_ok());
    assert!(matches!(at(61), Err(SigV4Error::Expired { .. })));
    assert!(matches!(at(-6), Err(SigV4Error::NotYetCurrent { .. })));

    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let with_token = presigned(
        "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c",
        &format!("&X-Amz-Security-Token={token}"),
    );
    let claim = with_token.verify_as(false, "service", then()).unwrap();
    assert_eq!(claim.security_token().map(Sensitive::expose), Some(token));

    let query = String::from_utf8(request.query.clone()).unwrap();
    let longer = Request { query: query.replace("Expires=3600", "Expires=3601").into(), ..request };
    let refused = longer.verify_as(false, "service", then()).map(drop);
    assert_eq!(refused, Err(SigV4Error::Mismatch));
}

#[test]
fn our_own_signer_makes_the_published_signature() {
    let mut request = Request::new("POST", "/", &[HOST, ("My-Header1", "VALUE1")], "");
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: SECRET.into(),
        session_token: None,
    };
    let signed = request
        .with_head(|head| sign(head, Some(b""), &credentials, "us-east-1", "service", then()));
    assert_eq!(signed.date, "20150830T123600Z");
    assert_eq!(
        signed.authorization.expose(),
        format!(
            "AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host;my-header1;x-amz-date, Signature=cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"
        )
    );
    request.push("x-amz-date", &signed.date);
    request.push("authorization", signed.authorization.expose());
    assert!(request.verify_as(true, "service", then()).is_ok(), "the empty-body hash of PutMedia");
}
