//! Two agents under one hub ARN, over the wire: who is refused, who takes over, and what people hear of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Answer, HUB, TestServer};

const MINUTE: Duration = Duration::from_secs(60);

/// A call of the agent `folder/start`; of an older one without.
async fn call(server: &TestServer, agent: &str, takes_over: bool) -> Answer {
    let mut input =
        json!({"HubDeviceArn": HUB, "AgentVersion": "1", "WaitSeconds": 0, "Streams": []});
    if let Some((instance_id, start_id)) = agent.split_once('/') {
        input["Instance"] =
            json!({"InstanceId": instance_id, "StartId": start_id, "TakeOver": takes_over});
    }
    server.call("/syncEdgeAgent", input).await
}

async fn accepted(server: &TestServer, agent: &str) {
    call(server, agent, false).await.ok();
}

async fn refused(server: &TestServer, agent: &str) {
    let answer = call(server, agent, false).await;
    assert_eq!(answer.error(), (400, "ResourceInUseException"));
    let message = answer.json()["message"].as_str().unwrap_or_default().to_owned()
        + answer.json()["Message"].as_str().unwrap_or_default();
    assert!(message.contains("another agent works as this hub"), "{message}");
    assert!(message.contains("vigie agent take-over"), "{message}");
}

async fn shown(server: &TestServer) -> Value {
    let described = server.call("/describeHub", json!({"HubDeviceArn": HUB})).await.ok();
    let listed = server.call("/listHubs", json!({})).await.ok();
    assert_eq!(described["Hub"], listed["Hubs"][0]);
    described["Hub"]["RefusedAgent"].clone()
}

/// How often the audit log has calls of the hub sync.
async fn audited(server: &TestServer) -> usize {
    let events = server.call("/listAuditEvents", json!({})).await.ok();
    let events = events["Events"].as_array().unwrap();
    let of_link = events.iter().filter(|event| event["Action"] == "kinesisvideo:SyncEdgeAgent");
    of_link.inspect(|event| assert_eq!(event["Resource"], HUB)).count()
}

#[tokio::test]
async fn another_folder_is_refused_while_the_first_calls_and_takes_over_later() {
    let server = TestServer::start().await;
    accepted(&server, "a/1").await;
    assert_eq!(shown(&server).await, Value::Null);
    server.clock.advance(MINUTE);
    refused(&server, "b/1").await;
    let told = shown(&server).await;
    assert_eq!(told["HasCopiedFolder"], false);
    assert!(told["Details"].as_str().unwrap().contains("take-over"), "{told}");
    // Neither a restart of the server nor one of the first agent lets the other one in.
    let server = server.restart().await;
    refused(&server, "b/1").await;
    accepted(&server, "a/2").await;
    server.clock.advance(MINUTE);
    refused(&server, "b/1").await;
    assert_eq!(audited(&server).await, 0);
    server.clock.advance(MINUTE);
    accepted(&server, "b/1").await;
    refused(&server, "a/2").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(audited(&server).await, 1);
    server.clock.advance(2 * MINUTE);
    assert_eq!(shown(&server).await, Value::Null);
}

#[tokio::test]
async fn an_operator_moves_a_hub_at_once() {
    let server = TestServer::start().await;
    accepted(&server, "a/1").await;
    call(&server, "b/1", true).await.ok();
    refused(&server, "a/1").await;
    accepted(&server, "b/1").await;
}

#[tokio::test]
async fn a_copied_folder_is_noticed_and_the_first_one_stays() {
    let server = TestServer::start().await;
    accepted(&server, "a/first").await;
    accepted(&server, "a/copy").await;
    accepted(&server, "a/first").await;
    assert_eq!(shown(&server).await["HasCopiedFolder"], true);
    refused(&server, "a/copy").await;
    accepted(&server, "a/first").await;
}

#[tokio::test]
async fn agents_of_older_versions_work_on() {
    let server = TestServer::start().await;
    accepted(&server, "older").await;
    accepted(&server, "a/1").await;
    accepted(&server, "older").await;
    refused(&server, "b/1").await;
}
