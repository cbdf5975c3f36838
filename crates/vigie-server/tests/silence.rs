//! No secret reaches a log line or an error text. A test program of its own, for the log is the process's.

#![allow(clippy::unwrap_used, clippy::expect_used)] // What goes wrong fails the test loudly.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;
use vigie_test_server::media::{fragment, header};
use vigie_test_server::{HUB, TestServer};

const URI: &str = "rtsp://user:hunter2@192.0.2.7/stream";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn logs_and_errors_never_hold_a_secret() {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).init();
    let server = TestServer::start().await;
    let mut answers = Vec::new();

    let secret = json!({"MediaURI": URI}).to_string();
    let create = json!({"Name": "cam", "SecretString": secret});
    let arn = server.secrets("CreateSecret", create.clone()).await.ok()["ARN"].clone();
    answers.push(server.secrets("CreateSecret", create).await);
    server.secrets("PutSecretValue", json!({"SecretId": arn, "SecretString": secret})).await.ok();
    server.secrets("GetSecretValue", json!({"SecretId": arn})).await.ok();
    let wrong_type = json!({"Name": "x", "SecretString": {"MediaURI": URI}});
    answers.push(server.secrets("CreateSecret", wrong_type).await);
    let too_much = json!({"Name": "y", "SecretString": URI.repeat(2000)});
    answers.push(server.secrets("CreateSecret", too_much).await);
    let wrong_member = json!({"SecretId": "cam", "SecretString": URI, "SecretBinary": URI});
    answers.push(server.secrets("PutSecretValue", wrong_member).await);

    server.create_stream("gate", 1).await;
    let update = json!({"StreamName": "gate", "EdgeConfig": {
        "HubDeviceArn": HUB,
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": arn, "MediaUriType": "RTSP_URI",
        }},
    }});
    server.call("/startEdgeConfigurationUpdate", update.clone()).await.ok();
    answers.push(server.call("/startEdgeConfigurationUpdate", update).await);
    let mut wrong_secret_arn = json!({"StreamName": "gate", "EdgeConfig": {
        "HubDeviceArn": HUB,
        "RecorderConfig": {"MediaSourceConfig": {"MediaUriType": "RTSP_URI"}},
    }});
    wrong_secret_arn["EdgeConfig"]["RecorderConfig"]["MediaSourceConfig"]["MediaUriSecretArn"] =
        json!(URI);
    answers.push(server.call("/startEdgeConfigurationUpdate", wrong_secret_arn).await);
    let mut connection = server.put_media("gate").await;
    connection.send([header(), fragment(1_795_000_000_000, 1)].concat()).await;
    connection.finish();
    connection.rest().await;

    let secret_access_key = server.credentials.secret_access_key.expose().to_owned();
    server.stop().await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // The log is one that tells something.
    for told in ["root access key created", "secret created", "PutMedia connection ended"] {
        assert!(log.contains(told), "{told}: {log}");
    }
    for needle in ["hunter2", URI, &secret_access_key] {
        assert!(!log.contains(needle), "{needle} in the log");
        for answer in &answers {
            assert!(answer.status >= 400);
            let body = String::from_utf8_lossy(&answer.body);
            assert!(!body.contains(needle), "{needle} in {body}");
        }
    }
}
