//! Hubs in contact, away and forgotten: one that is played by the test.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{HUB, TestServer, soon};
use crate::hub_ledgers::configured;

/// Whether the server says that the hub is there.
async fn is_in_contact(server: &TestServer) -> bool {
    let hub = server.call("/describeHub", json!({"HubDeviceArn": HUB})).await.ok();
    hub["Hub"]["InContact"].as_bool().unwrap()
}

#[tokio::test]
async fn a_hub_is_in_contact_while_its_call_is_held_and_away_eight_seconds_later() {
    let server = TestServer::start().await;
    let told = call_of(&server, "one").await;
    server.clock.advance(Duration::from_millis(7900));
    assert!(is_in_contact(&server).await);
    server.clock.advance(Duration::from_millis(200));
    assert!(!is_in_contact(&server).await);
    // A call that is held, and is given up by the hub: as when its connection ends.
    let mut held = input_of("one");
    (held["WaitSeconds"], held["Cursor"]) = (json!(20), told["Cursor"].clone());
    let comes = async { while !is_in_contact(&server).await {} };
    soon(async {
        tokio::select! {
            told = server.call("/syncEdgeAgent", held) => panic!("answered at once: {}", told.json()),
            () = comes => {}
        }
    })
    .await;
    let is_over = async {
        while is_in_contact(&server).await {
            server.clock.advance(Duration::from_secs(8));
        }
    };
    soon(is_over).await;
}

#[tokio::test]
async fn a_hub_that_is_gone_is_forgotten_and_one_that_is_not_stays() {
    let server = TestServer::start().await;
    let forget = async || server.call("/forgetHub", json!({"HubDeviceArn": HUB})).await;
    let hubs = async || server.call("/listHubs", json!({})).await.ok()["Hubs"].clone();
    assert_eq!(forget().await.error(), (404, "ResourceNotFoundException"));
    call_of(&server, "one").await;
    let answer = forget().await;
    assert_eq!(answer.error(), (400, "ResourceInUseException"));
    assert!(answer.json()["Message"].as_str().unwrap().contains("is in contact"));
    server.clock.advance(Duration::from_secs(9));

    for stream in ["gate", "yard"] {
        configured(&server, stream).await;
    }
    let answer = forget().await;
    assert_eq!(answer.error(), (400, "ResourceInUseException"));
    assert!(answer.json()["Message"].as_str().unwrap().contains("gate and 1 more;"));
    assert_eq!(hubs().await[0]["StreamCount"], 2, "nothing was changed");

    // What it is to erase, nobody will ever confirm.
    for stream in ["gate", "yard"] {
        server.call("/deleteEdgeConfiguration", json!({"StreamName": stream})).await.ok();
    }
    forget().await.ok();
    assert_eq!(hubs().await, json!([]));
    let described = server.call("/describeEdgeConfiguration", json!({"StreamName": "gate"})).await;
    assert_eq!(described.error().0, 404);
    assert_eq!(forget().await.error(), (404, "ResourceNotFoundException"));

    // Another agent in its place is no second one; and it is in the list again.
    call_of(&server, "two").await;
    assert_eq!(hubs().await[0]["InContact"], true);
}

fn input_of(agent: &str) -> Value {
    json!({
        "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": 0, "Streams": [],
        "Instance": {"InstanceId": agent, "StartId": agent},
    })
}

/// A call of the hub, which an agent works as; what it is told.
async fn call_of(server: &TestServer, agent: &str) -> Value {
    server.call("/syncEdgeAgent", input_of(agent)).await.ok()
}
