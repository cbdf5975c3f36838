//! The agent as the program holds it: what it refuses to start with, what it serves, how it ends.

use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vigie_store::OsDisk;

use super::*;
use crate::{Agent, AgentConfig, AgentError, CredentialsChain};

fn config(folder: &Path) -> AgentConfig {
    AgentConfig {
        hub_device_arn: "arn:aws:iot:us-east-1:000000000000:thing/hub".to_owned(),
        endpoint_url: "http://127.0.0.1:1".to_owned(),
        secrets_endpoint_url: None,
        insecure_http: false,
        region: "us-east-1".to_owned(),
        data_dir: folder.join("hub"),
        time_zone: TimeZone::UTC,
        listen: "127.0.0.1:0".parse().unwrap(),
        camera_ca: None,
        file_roots: Vec::new(),
        upload_bytes_per_second: None,
        credentials: CredentialsChain::default(),
    }
}

fn open(config: AgentConfig) -> Result<Agent, AgentError> {
    Agent::open(config, clock(), Box::new(NoChance), Arc::new(OsDisk))
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |config| open(config).err().unwrap().to_string();
    let arn = AgentConfig { hub_device_arn: "hub".to_owned(), ..config(folder.path()) };
    assert!(refusal(arn).contains("arn:aws:iot:"));
    let url = AgentConfig { endpoint_url: "localhost:8440".to_owned(), ..config(folder.path()) };
    assert!(refusal(url).contains("--endpoint-url"));
    let plain = |url: &str| AgentConfig { endpoint_url: url.to_owned(), ..config(folder.path()) };
    for url in ["http://192.0.2.1:8440", "http://vigie.example", "http://[2001:db8::1]"] {
        let text = refusal(plain(url));
        assert!(text.contains("--endpoint-url") && text.contains("--insecure-http"), "{text}");
    }
    let secrets = Some("http://vigie.example".to_owned());
    let secrets = AgentConfig { secrets_endpoint_url: secrets, ..config(folder.path()) };
    assert!(refusal(secrets).contains("--secrets-endpoint-url"));
    let usable =
        ["http://localhost:1", "http://[::1]:1", "http://vigie.localhost", "https://192.0.2.1"];
    for (n, url) in usable.into_iter().enumerate() {
        open(AgentConfig { data_dir: folder.path().join(n.to_string()), ..plain(url) }).unwrap();
    }
    let data_dir = folder.path().join("meant");
    let meant = AgentConfig { data_dir, insecure_http: true, ..plain("http://192.0.2.1:8440") };
    open(meant).unwrap();
    let first = open(config(folder.path())).unwrap();
    let listen = first.listen_address().unwrap();
    let taken = AgentConfig { listen, ..config(&folder.path().join("other")) };
    assert!(refusal(taken).contains("--listen"));
    assert!(
        matches!(open(config(folder.path())), Err(AgentError::Store { .. })),
        "one process a folder"
    );
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_served_without_a_service_and_the_end_is_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let agent = open(config(folder.path())).unwrap();
    let address = agent.listen_address().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(agent.run(async move { drop(stopped.await) }));
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/readyz").await.contains("out of contact"));
    let metrics = get(address, "/metrics").await;
    assert!(metrics.contains("vigie_agent_in_contact 0.0"), "{metrics}");
    assert!(get(address, "/nothing").await.starts_with("HTTP/1.1 404"));
    stop.send(()).unwrap();
    tokio::time::timeout(DEADLINE, running).await.unwrap().unwrap().unwrap();
    // The folder is free again.
    open(config(folder.path())).unwrap();
}
