//! Requests signed by AWS's own Rust signer.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;

use super::*;

/// Signs `request` as the AWS SDKs do and puts the signature where `settings` says.
fn sign_as_aws(
    request: &mut Request,
    body: SignableBody<'_>,
    settings: SigningSettings,
    session_token: Option<&str>,
) {
    let token = session_token.map(str::to_owned);
    let identity = AwsCredentials::new("AKIDEXAMPLE", SECRET, token, None, "test").into();
    let millis = u64::try_from(then().as_millis()).unwrap();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("kinesisvideo")
        .time(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let host = request.headers.iter().find(|(name, _)| name == "host").unwrap();
    let host = String::from_utf8(host.1.clone()).unwrap();
    let [method, path, query] = [&request.method, &request.path, &request.query]
        .map(|text| String::from_utf8(text.clone()).unwrap());
    let mark = if query.is_empty() { "" } else { "?" };
    let uri = format!("http://{host}{path}{mark}{query}");
    let headers: Vec<(String, String)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), String::from_utf8(value.clone()).unwrap()))
        .collect();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(&method, uri, headers, body).unwrap();
    let (instructions, _signature) = sign(signable, &params).unwrap().into_parts();
    let (headers, parameters) = instructions.into_parts();
    for header in headers {
        request.push(header.name(), header.value());
    }
    for (name, value) in parameters {
        let mut encoded = String::new();
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        let and = if request.query.is_empty() { "" } else { "&" };
        request.query.extend_from_slice(format!("{and}{name}={encoded}").as_bytes());
    }
}

#[test]
fn json_calls_signed_by_header_are_accepted() {
    for session_token in [None, Some("TOKEN//+=")] {
        let mut request = describe_stream();
        let body = request.body.clone();
        let settings = SigningSettings::default();
        sign_as_aws(&mut request, SignableBody::Bytes(&body), settings, session_token);
        let claim = request.verify(false, then()).unwrap();
        assert_eq!(claim.security_token().map(Sensitive::expose), session_token);

        request.body.push(b' ');
        assert_eq!(request.verify(false, then()).map(drop), Err(SigV4Error::Mismatch));
    }
}

#[test]
fn odd_paths_queries_and_headers_are_canonicalised_alike() {
    for target in [
        "/a%20b/%3D/~c?x=%2F&x=&y&a=b%20c",
        "/functions/arn%3Aaws%3Alambda%3Aus-west-2/invocations",
        "/test/@connections/JBDvjfGEIAMCERw%3D",
        "/?empty=&b=2&b=1",
    ] {
        let headers = [
            ("host", "example.com:9000"),
            ("x-twice", "one"),
            ("x-twice", "two  and   three"),
            ("x-empty", ""),
        ];
        let mut request = Request::new("POST", target, &headers, "body");
        let body = SignableBody::Bytes(b"body");
        sign_as_aws(&mut request, body, SigningSettings::default(), None);
        assert!(request.verify(false, then()).is_ok(), "{target}");
    }
}

#[test]
fn presigned_urls_are_accepted() {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(900));
    let mut request = Request::new("GET", "/hls?b=2&a=1", &[("host", "localhost:8440")], "");
    sign_as_aws(&mut request, SignableBody::Bytes(b""), settings, Some("TOKEN//+="));
    let claim = request.verify(false, then().plus_millis(899_000)).unwrap();
    assert_eq!(claim.security_token().map(Sensitive::expose), Some("TOKEN//+="));
    let late = request.verify(false, then().plus_millis(901_000));
    assert!(matches!(late, Err(SigV4Error::Expired { .. })));
}

#[test]
fn an_unsigned_payload_is_accepted_only_where_the_body_is_still_to_come() {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let mut request = describe_stream();
    sign_as_aws(&mut request, SignableBody::UnsignedPayload, settings, None);
    assert!(request.verify(true, then()).is_ok());
    assert_eq!(request.verify(false, then()).map(drop), Err(SigV4Error::Mismatch));
}
