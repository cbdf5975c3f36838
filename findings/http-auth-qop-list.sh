#!/usr/bin/env bash
# http-auth 0.1.10 (Rust), as of 2026-11: answers a Digest challenge with a list of protections by the stronger one as soon
# as it is told the request's body, also an empty one, and puts the body itself where RFC 7616 section 3.4.3 has H(body).
# A server that keeps to the RFC refuses the right password. Told no body, it answers by auth, rightly.
#
# RTSP clients hand it an empty body for DESCRIBE, so cameras with qop="auth,auth-int" look as if the password were wrong.
#
# Seen (checked below):
#   with a body:    qop=auth-int, response is that of A2 = "DESCRIBE:/live:" + "" and not of "DESCRIBE:/live:" + MD5("")
#   without a body: qop=auth, response as RFC 7616 has it
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2021"
[dependencies]
http-auth = { version = "=0.1.10", default-features = false, features = ["digest-scheme"] }
md5 = "=0.7.0"
TOML
cat >src/main.rs <<'RUST'
use http_auth::{PasswordClient, PasswordParams};

fn hex(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// The value of a parameter of an Authorization header.
fn value<'a>(header: &'a str, name: &str) -> &'a str {
    let start = header.find(&format!("{name}=")).expect("no such parameter") + name.len() + 1;
    header[start..].trim_start_matches('"').split(['"', ',']).next().unwrap()
}

fn main() {
    for body in [Some(&b""[..]), None] {
        let challenge = r#"Digest realm="Camera", nonce="00112233", qop="auth,auth-int""#;
        let mut client = PasswordClient::try_from(challenge).unwrap();
        let params = PasswordParams {
            username: "viewer", password: "right", uri: "/live", method: "DESCRIBE", body,
        };
        let header = client.respond(&params).unwrap();
        let (qop, response) = (value(&header, "qop"), value(&header, "response"));
        let (nc, cnonce) = (value(&header, "nc"), value(&header, "cnonce"));
        let by = |a2: &str| {
            let a1 = hex("viewer:Camera:right");
            hex(&format!("{a1}:00112233:{nc}:{cnonce}:{qop}:{}", hex(a2)))
        };
        let of_standard = match qop {
            "auth-int" => by(&format!("DESCRIBE:/live:{}", hex(""))),
            _ => by("DESCRIBE:/live"),
        };
        println!(
            "body {}: qop={qop}, as RFC 7616 has it: {}, with the body in place of its hash: {}",
            body.is_some(), response == of_standard, response == by("DESCRIBE:/live:"),
        );
    }
}
RUST
seen="$(cargo run --quiet)"
echo "$seen"
[ "$seen" = "body true: qop=auth-int, as RFC 7616 has it: false, with the body in place of its hash: true
body false: qop=auth, as RFC 7616 has it: true, with the body in place of its hash: false" ] || {
  echo "http-auth-qop-list: the behaviour has changed" >&2
  exit 1
}
