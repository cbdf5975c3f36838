//! TLS of the listener, with certificates that the tests make: what is offered, how a new certificate comes into use,
//! and what a caller without TLS gets.

#![allow(clippy::disallowed_methods, reason = "a test puts files where the server reads them")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use vigie_fakes::clock::TestClock;
use vigie_server::{ServerError, TlsError, TlsFiles};

use crate::common::{self, TestServer, collect, soon};

fn make() -> CertifiedKey<rcgen::KeyPair> {
    generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("server.pem"), key: folder.join("server.key") }
}

fn put(files: &TlsFiles, pair: &CertifiedKey<rcgen::KeyPair>) {
    std::fs::write(&files.certificate, pair.cert.pem()).unwrap();
    std::fs::write(&files.key, pair.signing_key.serialize_pem()).unwrap();
}

async fn connect(
    server: &TestServer,
    trusted: &CertifiedKey<rcgen::KeyPair>,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.cert.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn ready(stream: TlsStream<TcpStream>) -> u16 {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move {
        connection.await.ok();
    });
    let request = Request::get("/readyz").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    collect(sender.send_request(request).await.unwrap()).await.status
}

async fn start(pair: &CertifiedKey<rcgen::KeyPair>) -> (TestServer, TlsFiles, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    put(&files, pair);
    let tls = Some(files.clone());
    let server = TestServer::start_configured(|config| config.tls = tls).await;
    (server, files, folder)
}

#[tokio::test]
async fn http_1_1_is_served_over_tls_and_is_all_that_is_offered() {
    let pair = make();
    let (server, _files, _folder) = start(&pair).await;
    let stream = connect(&server, &pair, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert_eq!(ready(stream).await, 200);
    assert!(connect(&server, &pair, &[b"h2"]).await.is_err(), "h2 alone is refused");
    let without_alpn = connect(&server, &pair, &[]).await.unwrap();
    assert_eq!(ready(without_alpn).await, 200);
    assert!(connect(&server, &make(), &[]).await.is_err(), "another certificate is not trusted");
    server.stop().await;
}

#[tokio::test]
async fn a_caller_without_tls_is_answered_with_an_alert_and_harms_nobody() {
    let pair = make();
    let (server, _files, _folder) = start(&pair).await;
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    plain.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    // A reset instead of an end is as good: what counts is that nothing was said.
    soon(plain.read_to_end(&mut answer)).await.ok();
    assert!(!answer.windows(4).any(|window| window == b"HTTP"), "{answer:?}");
    assert!(answer.len() <= 7, "no more than a TLS alert: {answer:?}");
    let stream = connect(&server, &pair, &[]).await.unwrap();
    assert_eq!(ready(stream).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_stalled_handshake_keeps_no_stop_from_coming() {
    let pair = make();
    let (server, _files, _folder) = start(&pair).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    let stream = connect(&server, &pair, &[]).await.unwrap();
    assert_eq!(ready(stream).await, 200);
    tokio::time::timeout(Duration::from_secs(8), server.stop()).await.unwrap();
}

#[tokio::test]
async fn changed_files_come_into_use_and_a_bad_pair_does_not() {
    let (first, second, third) = (make(), make(), make());
    let (server, files, _folder) = start(&first).await;
    let mut open = connect(&server, &first, &[]).await.unwrap();

    put(&files, &second);
    soon(async {
        while connect(&server, &second, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(connect(&server, &first, &[]).await.is_err(), "the old one is out of use");

    // The certificate is there before its key: an operator copies one file after the other.
    std::fs::write(&files.certificate, third.cert.pem()).unwrap();
    soon(async {
        loop {
            let stream = connect(&server, &second, &[]).await.unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(async move {
                connection.await.ok();
            });
            let request = Request::get("/metrics").header("host", "localhost");
            let request = request.body(Full::<Bytes>::default()).unwrap();
            let text = collect(sender.send_request(request).await.unwrap()).await.body;
            let text = String::from_utf8(text.to_vec()).unwrap();
            if text.contains("vigie_server_tls_reload_failures_total 1") {
                break;
            }
        }
    })
    .await;
    std::fs::write(&files.key, third.signing_key.serialize_pem()).unwrap();
    soon(async {
        while connect(&server, &third, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;

    // The connection from the beginning still works.
    open.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    soon(open.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    server.stop().await;
}

#[tokio::test]
async fn a_server_does_not_start_with_a_pair_that_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let open = async || {
        let mut config = common::config(folder.path());
        config.tls = Some(files.clone());
        match common::open(config, 7, TestClock::new()).await {
            Err(ServerError::Tls(error)) => error,
            Err(error) => panic!("another error: {error}"),
            Ok(_) => panic!("it started"),
        }
    };
    assert!(matches!(open().await, TlsError::Read { .. }));
    put(&files, &make());
    std::fs::write(&files.key, "no key").unwrap();
    assert!(matches!(open().await, TlsError::NoKey(_)));
    std::fs::write(&files.key, make().signing_key.serialize_pem()).unwrap();
    assert!(matches!(open().await, TlsError::Pair { .. }));
    std::fs::write(&files.certificate, "no certificate").unwrap();
    assert!(matches!(open().await, TlsError::NoCertificate(_)));
}
