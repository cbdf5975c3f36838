//! What is refused, with which words; and properties over arbitrary and tampered requests.

use proptest::prelude::*;

use super::*;
use crate::error::{ErrorKind, KvsError};

fn refusal(change: impl FnOnce(&mut Request)) -> (ErrorKind, String) {
    let mut request = describe_stream();
    request.sign(false, then());
    assert!(request.verify(false, then()).is_ok());
    change(&mut request);
    let error = KvsError::from(request.verify(false, then()).unwrap_err());
    (error.kind, error.message)
}

fn authorization(request: &Request) -> String {
    let header = request.headers.iter().find(|(name, _)| name == "authorization").unwrap();
    String::from_utf8(header.1.clone()).unwrap()
}

#[test]
fn requests_without_or_with_broken_credentials_are_told_what_is_missing() {
    let check = |change: fn(&mut Request), kind: ErrorKind, message: &str| {
        let (got, text) = refusal(change);
        assert_eq!(got, kind, "{text}");
        assert!(text.contains(message), "{text:?} does not contain {message:?}");
    };
    let incomplete = ErrorKind::IncompleteSignature;
    check(
        |request| request.headers.retain(|(name, _)| name != "authorization"),
        ErrorKind::MissingAuthenticationToken,
        "Missing Authentication Token",
    );
    check(
        |request| request.headers.retain(|(name, _)| name != "x-amz-date"),
        incomplete,
        "X-Amz-Date",
    );
    check(|request| request.set("authorization", "Basic dTpw"), incomplete, "AWS4-HMAC-SHA256");
    check(
        |request| request.set("authorization", "AWS4-HMAC-SHA256 Signature=0"),
        incomplete,
        "'Credential'",
    );
    check(
        |request| {
            let twice = authorization(request) + ", Signature=0";
            request.set("authorization", &twice);
        },
        incomplete,
        "Signature twice",
    );
    check(
        |request| request.push("authorization", "AWS4-HMAC-SHA256 x=y"),
        incomplete,
        "more than one",
    );
    check(|request| request.query = b"X-Amz-Signature=00".to_vec(), incomplete, "signed twice");
    check(
        |request| {
            let value = authorization(request)
                .replace("SignedHeaders=content-type;host;", "SignedHeaders=");
            request.set("authorization", &value);
        },
        incomplete,
        "'Host' must be a signed header",
    );
    check(|request| request.set("x-amz-date", "yesterday"), incomplete, "YYYYMMDD");
    check(
        |request| {
            let value = authorization(request).replace("/20150830/us-east-1", "");
            request.set("authorization", &value);
        },
        incomplete,
        "KEY/YYYYMMDD/REGION/SERVICE/aws4_request",
    );
    check(
        |request| request.headers.retain(|(name, _)| name != "content-type"),
        incomplete,
        "signed header content-type",
    );
    check(
        |request| request.push("x-amz-target", "secretsmanager.GetSecretValue"),
        incomplete,
        "x-amz-target must be signed",
    );
}

#[test]
fn a_signature_for_elsewhere_is_told_where_it_has_to_be_for() {
    let check = |from: &'static str, to: &'static str, message: &str| {
        let (kind, text) = refusal(|request| {
            let value = authorization(request).replace(from, to);
            request.set("authorization", &value);
        });
        assert_eq!(kind, ErrorKind::InvalidSignature);
        assert!(text.contains(message), "{text}");
    };
    check("us-east-1", "us-west-2", "Credential should be scoped to a valid region: 'us-east-1'.");
    check("kinesisvideo", "s3", "Credential should be scoped to correct service: 'kinesisvideo'.");
    check("aws4_request", "aws5", "Credential should be scoped with a valid terminator");
    check("20150830/", "20150831/", "Date in Credential scope does not match");
}

#[test]
fn the_java_producer_s_service_name_is_taken_for_kinesis_video_only() {
    let sign_for = |service: &str| {
        let mut request = describe_stream();
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SECRET.into(),
            session_token: None,
        };
        let body = request.body.clone();
        let signed = request
            .with_head(|head| sign(head, Some(&body), &credentials, "us-east-1", service, then()));
        request.push("x-amz-date", &signed.date);
        request.push("authorization", signed.authorization.expose());
        request
    };
    assert!(sign_for("kinesis-video").verify(false, then()).is_ok());
    let secrets = sign_for("kinesis-video").verify_as(false, "secretsmanager", then());
    assert!(matches!(secrets, Err(SigV4Error::Scope(_))));
}

#[test]
fn clocks_may_differ_by_the_skew_window_and_no_more() {
    let mut request = describe_stream();
    request.sign(false, then());
    let at = |seconds: i64| request.verify(false, then().plus_millis(seconds * 1000)).map(drop);
    assert_eq!((at(-300), at(0), at(300)), (Ok(()), Ok(()), Ok(())));
    // Amazon's C producer looks for these words and then corrects its clock.
    let late = at(301).unwrap_err().to_string();
    assert_eq!(
        late,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 300 s)"
    );
    let early = at(-301).unwrap_err().to_string();
    assert_eq!(
        early,
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 300 s)"
    );
}

#[test]
fn a_wrong_secret_is_refused_and_no_error_repeats_credentials() {
    let (kind, message) = refusal(|request| {
        let value = authorization(request);
        let value = value.replace("Signature=", "Signature=0").replace("=0", "=");
        request.set("authorization", &value);
        request.body.push(b'!');
    });
    assert_eq!(kind, ErrorKind::InvalidSignature);
    assert!(message.starts_with("The request signature we calculated does not match"));
    assert!(!message.contains("AKID"));
}

/// Every bit of everything that is signed, and of the signature: method, path, query, headers, body. The key id alone
/// is left out: whoever looks it up finds another secret, or none.
#[test]
fn flipping_any_signed_bit_fails() {
    for streaming in [false, true] {
        let headers =
            [("host", "localhost"), ("x-amzn-stream-name", "gate"), ("x-more", "one two")];
        let mut request =
            Request::new("POST", "/putMedia?a=1&b=2", &headers, r#"{"StreamName":"gate"}"#);
        request.sign(streaming, then());
        assert!(request.verify(streaming, then()).is_ok());
        let mut tried = 0;
        for field in 0..4 + request.headers.len() {
            for at in 0..field_of(&mut request.clone(), field).len() {
                for bit in 0..8 {
                    let mut changed = request.clone();
                    let mut bytes = field_of(&mut changed, field).clone();
                    bytes[at] ^= 1 << bit;
                    // Methods, paths and queries are text by the time they are here.
                    if field < 3 && std::str::from_utf8(&bytes).is_err() {
                        continue;
                    }
                    *field_of(&mut changed, field) = bytes;
                    let body_of_put_media = streaming && field == 3;
                    let other_key = key_id(&changed).is_some_and(|key_id| key_id != "AKIDEXAMPLE");
                    if body_of_put_media || other_key {
                        continue;
                    }
                    assert!(changed.verify(streaming, then()).is_err(), "{changed:?}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 1500, "{tried}");
    }
}

/// Method, path, query, body, then the values of the headers.
fn field_of(request: &mut Request, index: usize) -> &mut Vec<u8> {
    match index {
        0 => &mut request.method,
        1 => &mut request.path,
        2 => &mut request.query,
        3 => &mut request.body,
        header => &mut request.headers[header - 4].1,
    }
}

fn key_id(request: &Request) -> Option<String> {
    request.with_head(|head| Claim::parse(head).ok().map(|claim| claim.access_key_id().to_owned()))
}

proptest! {
    #[test]
    fn arbitrary_heads_do_not_panic(
        method in "\\PC{0,8}",
        path in "\\PC{0,30}|/[a-z%./]{0,30}",
        query in "\\PC{0,60}|(X-Amz-[A-Za-z]{4,13}=[A-Z0-9%/-]{0,20}&){0,8}",
        headers in proptest::collection::vec(("[a-zA-Z-]{1,20}|x-amz-date|host", any::<Vec<u8>>()), 0..6),
        authorization in proptest::option::of(
            "\\PC{0,80}|AWS4-HMAC-SHA256 Credential=[A-Z0-9/a-z]{0,60}, ?SignedHeaders=[a-z;-]{0,20},Signature=[0-9a-f]{0,64}"
        ),
    ) {
        let mut request = Request::new(&method, "/", &[], "");
        request.path = path.into();
        request.query = query.into();
        request.headers = headers;
        if let Some(value) = authorization {
            request.push("authorization", &value);
        }
        for streaming in [true, false] {
            prop_assert!(request.verify(streaming, then()).is_err());
        }
    }

    #[test]
    fn well_formed_claims_of_arbitrary_requests_do_not_panic(
        path in "\\PC{0,30}", query in "[\\PC&=%]{0,60}", value: Vec<u8>, payload in "\\PC{0,80}"
    ) {
        let mut request = Request::new("POST", "/", &[("host", "h")], "");
        request.sign(true, then());
        request.path = path.into();
        request.query = query.into();
        request.headers.push(("x-unsigned".to_owned(), value));
        request.push("x-amz-content-sha256", &payload);
        let _verified = request.verify(true, then());
    }
}
