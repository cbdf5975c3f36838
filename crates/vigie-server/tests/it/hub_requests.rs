//! What a hub is asked through the server, and what it hears of secrets: hubs that are played by the test.

use std::time::Duration;

use serde_json::{Value, json};
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;

use crate::common::{self, HUB, TestServer, read_credentials, soon};

const CAMERA: &str = "rtsp://viewer:p4ssw0rd@camera.example/stream";

/// One call of a hub that knows requests, and what it says of those it has taken.
async fn call_of(server: &TestServer, cursor: &Value, wait_seconds: u32, requests: Value) -> Value {
    let mut input = json!({
        "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": wait_seconds, "Streams": [],
        "RequestKinds": ["TEST_CAMERA", "SOMETHING_NEW"], "Requests": requests,
    });
    if !cursor.is_null() {
        input["Cursor"] = cursor.clone();
    }
    server.call("/syncEdgeAgent", input).await.ok()
}

/// The hub calls until it is asked something; returns the cursor and what it is asked.
async fn asked(server: &TestServer) -> (Value, Value) {
    let mut cursor = Value::Null;
    loop {
        let told = call_of(server, &cursor, 20, json!([])).await;
        cursor = told["Cursor"].clone();
        if let Some(request) = told["Requests"].get(0) {
            return (cursor, request.clone());
        }
    }
}

async fn test_camera(server: &TestServer) -> common::Answer {
    server.call("/testCamera", json!({"HubDeviceArn": HUB, "MediaUri": CAMERA})).await
}

/// As a hub answers about a camera.
fn tested(id: &Value, details: &str) -> Value {
    json!([{"RequestId": id, "Answer": {"TestCamera": {
        "JobStatus": "USER_ERROR", "JobStatusDetails": details,
        "Steps": [{"Step": "DESCRIBE", "DurationInMilliseconds": 12}],
        "Tracks": [{"TrackType": "VIDEO", "CodecId": "V_MPEG4/ISO/AVC", "CodecPrivateData": "AAECAw==",
                    "WidthPixels": 640, "HeightPixels": 360}],
        "KeyFrame": "AAECAw==",
    }}}])
}

#[tokio::test]
async fn a_hub_is_asked_answers_and_is_told_that_its_answer_came() {
    let server = TestServer::start().await;
    call_of(&server, &Value::Null, 0, json!([])).await;
    let hub = async {
        let (cursor, request) = asked(&server).await;
        assert_eq!(request["TestCamera"], json!({"MediaUri": CAMERA}));
        assert_eq!(request["TimeoutSeconds"], 30);
        let id = &request["RequestId"];
        // It has taken it; the next call is held until there is something to say, and then answered at once.
        let taken =
            call_of(&server, &cursor, 0, json!([{"RequestId": id, "Progress": "PLAY"}])).await;
        assert_eq!(taken["Requests"], json!([request]));
        let done = call_of(&server, &cursor, 20, tested(id, "the password is wrong")).await;
        assert_eq!(done["Requests"], json!([]), "nobody waits any more");
        // Said twice, or late, it is left.
        let again = call_of(&server, &cursor, 20, tested(id, "something else")).await;
        assert_eq!(again["Requests"], json!([]));
    };
    let (answer, ()) = soon(async { tokio::join!(test_camera(&server), hub) }).await;
    let answer = answer.ok();
    assert_eq!(
        (&answer["Connected"], &answer["JobStatus"], &answer["JobStatusDetails"]),
        (&json!(false), &json!("USER_ERROR"), &json!("the password is wrong"))
    );
    assert_eq!(answer["Steps"], json!([{"Step": "DESCRIBE", "DurationInMilliseconds": 12}]));
    let track = json!({
        "TrackType": "VIDEO", "CodecId": "V_MPEG4/ISO/AVC", "WidthPixels": 640, "HeightPixels": 360,
    });
    assert_eq!(answer["Tracks"], json!([track]), "what decoders need stays here");
    // There are no decoders at this server, and the frame is none.
    assert!(answer.get("ImageContent").is_none());
    assert!(answer["ImageError"].is_string());
}

#[tokio::test]
async fn an_older_hub_s_caller_hears_so_at_once_and_the_hub_nothing() {
    let server = TestServer::start().await;
    let older = json!({
        "HubDeviceArn": HUB, "AgentVersion": "0.9.0", "WaitSeconds": 20, "Streams": [],
    });
    let mut first = older.clone();
    first["WaitSeconds"] = json!(0);
    let told = server.call("/syncEdgeAgent", first).await.ok();
    assert!(told.get("Requests").is_none());
    let mut held = older;
    held["Cursor"] = told["Cursor"].clone();
    let asking = async {
        // Whether its call is there before or after.
        let answer = test_camera(&server).await;
        assert_eq!(answer.error(), (400, "HubRequestNotSupportedException"));
        assert!(answer.json()["Message"].as_str().unwrap().contains("0.9.0"));
    };
    let hub = async {
        tokio::time::timeout(Duration::from_secs(3), server.call("/syncEdgeAgent", held)).await
    };
    let (held, ()) = soon(async { tokio::join!(hub, asking) }).await;
    assert!(held.is_err(), "its call is held on");
}

#[tokio::test]
async fn a_hub_that_never_called_or_is_away_is_said_to_be_at_once() {
    let server = TestServer::start().await;
    assert_eq!(test_camera(&server).await.error(), (404, "ResourceNotFoundException"));
    call_of(&server, &Value::Null, 0, json!([])).await;
    // Its next call is late.
    server.clock.advance(Duration::from_secs(9));
    assert_eq!(test_camera(&server).await.error(), (400, "HubNotInContactException"));
}

#[tokio::test]
async fn a_caller_who_hangs_up_calls_the_request_off() {
    let server = TestServer::start().await;
    call_of(&server, &Value::Null, 0, json!([])).await;
    soon(async {
        let (cursor, id) = tokio::select! {
            _ = test_camera(&server) => panic!("nobody answered"),
            (cursor, request) = asked(&server) => (cursor, request["RequestId"].clone()),
        };
        // The connection of the caller is gone with the branch; the hub hears of it while its call is held.
        let told = call_of(&server, &cursor, 20, json!([{"RequestId": id}])).await;
        assert_eq!(told["Requests"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn no_hub_answers_for_another_and_strange_answers_are_refused() {
    let server = TestServer::start().await;
    call_of(&server, &Value::Null, 0, json!([])).await;
    let hubs = async {
        let (cursor, request) = asked(&server).await;
        let id = &request["RequestId"];
        let mut forged = json!({
            "HubDeviceArn": format!("{HUB}-other"), "AgentVersion": "1", "WaitSeconds": 0, "Streams": [],
            "RequestKinds": ["TEST_CAMERA"], "Requests": tested(id, "forged"),
        });
        let told = server.call("/syncEdgeAgent", forged.clone()).await.ok();
        assert_eq!(told["Requests"], json!([]));
        forged["Requests"] = tested(id, &"x".repeat(2000));
        let refused = server.call("/syncEdgeAgent", forged).await;
        assert_eq!(refused.error(), (400, "InvalidArgumentException"));
        call_of(&server, &cursor, 20, tested(id, "its own")).await;
    };
    let (answer, ()) = soon(async { tokio::join!(test_camera(&server), hubs) }).await;
    assert_eq!(answer.ok()["JobStatusDetails"], "its own");
}

#[tokio::test]
async fn a_hub_is_not_asked_too_much() {
    let server = TestServer::start().await;
    call_of(&server, &Value::Null, 0, json!([])).await;
    soon(async {
        let three = async {
            let first =
                tokio::join!(test_camera(&server), test_camera(&server), test_camera(&server));
            [first.0, first.1, first.2].map(|answer| answer.status)
        };
        let hub = async {
            let mut cursor = Value::Null;
            let mut reports = json!([]);
            loop {
                let told = call_of(&server, &cursor, 1, reports.clone()).await;
                cursor = told["Cursor"].clone();
                let requests = told["Requests"].as_array().unwrap();
                assert!(requests.len() <= 2);
                reports = requests
                    .iter()
                    .flat_map(|one| tested(&one["RequestId"], "no").as_array().unwrap().clone())
                    .collect();
            }
        };
        let mut statuses = tokio::select! {
            statuses = three => statuses,
            () = hub => unreachable!("it goes on for ever"),
        };
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 400]);
    })
    .await;
}

#[tokio::test]
async fn the_input_names_one_address_and_its_errors_no_address() {
    let server = TestServer::start().await;
    let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf";
    for input in [
        json!({"HubDeviceArn": HUB}),
        json!({"HubDeviceArn": HUB, "MediaUri": CAMERA, "MediaUriSecretArn": arn}),
        json!({"HubDeviceArn": HUB, "MediaUri": ""}),
        json!({"HubDeviceArn": HUB, "MediaUri": format!("{CAMERA}{}", "x".repeat(4096))}),
        json!({"HubDeviceArn": HUB, "MediaUriSecretArn": CAMERA}),
        json!({"HubDeviceArn": "hub", "MediaUri": CAMERA}),
        json!({"MediaUri": CAMERA}),
    ] {
        let answer = server.call("/testCamera", input.clone()).await;
        assert_eq!(answer.error(), (400, "InvalidArgumentException"), "{input}");
        assert!(!answer.json()["Message"].as_str().unwrap().contains("p4ssw0rd"));
    }
}

#[tokio::test]
async fn a_test_needs_its_action_on_the_hub_and_is_audited_without_the_address() {
    let server = TestServer::start().await;
    call_of(&server, &Value::Null, 0, json!([])).await;
    let key = async |action: &str, resource: &str| {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": action, "Resource": resource},
        ]});
        let input = json!({"PolicyDocument": policy.to_string()});
        let made = server.call("/createAccessKey", input).await.ok();
        Credentials {
            access_key_id: made["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned(),
            secret_access_key: Sensitive::new(
                made["AccessKey"]["SecretAccessKey"].as_str().unwrap(),
            ),
            session_token: None,
        }
    };
    let input = json!({"HubDeviceArn": HUB, "MediaUri": CAMERA});
    for (action, resource) in [
        ("kinesisvideo:SyncEdgeAgent", HUB),
        ("kinesisvideo:TestCamera", "arn:aws:iot:us-east-1:000000000000:thing/another"),
    ] {
        let credentials = key(action, resource).await;
        let answer = server.call_as(&credentials, "/testCamera", input.clone()).await;
        assert_eq!(answer.error(), (403, "AccessDeniedException"));
    }
    let credentials = key("kinesisvideo:TestCamera", HUB).await;
    let hub = async {
        let (cursor, request) = asked(&server).await;
        call_of(&server, &cursor, 20, tested(&request["RequestId"], "no")).await
    };
    let asking = server.call_as(&credentials, "/testCamera", input);
    soon(async { tokio::join!(asking, hub) }).await.0.ok();
    let events = server.call("/listAuditEvents", json!({})).await.ok();
    assert!(!events.to_string().contains("p4ssw0rd"));
    let tests: Vec<&Value> = events["Events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["Action"] == "kinesisvideo:TestCamera")
        .collect();
    assert_eq!(tests.len(), 3);
    assert!(tests.iter().all(|event| event["Resource"] == HUB), "{tests:?}");
    assert_eq!(read_credentials(&server.folder().join("data/credentials")).access_key_id.len(), 20);
}

async fn create_secret(server: &TestServer, name: &str) -> String {
    let input = json!({"Name": name, "SecretString": "{\"MediaURI\":\"rtsp://one\"}"});
    server.secrets("CreateSecret", input).await.ok()["ARN"].as_str().unwrap().to_owned()
}

async fn configure(server: &TestServer, stream: &str, secret_arn: &str) {
    server.create_stream(stream, 24).await;
    let config = json!({
        "HubDeviceArn": HUB,
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": secret_arn, "MediaUriType": "RTSP_URI",
        }},
    });
    let input = json!({"StreamName": stream, "EdgeConfig": config});
    server.call("/startEdgeConfigurationUpdate", input).await.ok();
}

/// The hub applies all it is told; returns the cursor and the revisions of the secrets, in the order of the streams.
async fn apply(server: &TestServer, cursor: &Value, wait_seconds: u32) -> (Value, Vec<Value>) {
    let told = call_of(server, cursor, wait_seconds, json!([])).await;
    let mut configurations = told["Configurations"].as_array().cloned().unwrap_or_default();
    let reports: Vec<Value> = configurations
        .iter()
        .map(|one| json!({"StreamARN": one["StreamARN"], "Revision": one["Revision"], "Phase": "APPLIED"}))
        .collect();
    if !reports.is_empty() {
        let input = json!({
            "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": 0, "Streams": reports,
            "Cursor": told["Cursor"],
        });
        server.call("/syncEdgeAgent", input).await.ok();
    }
    configurations.sort_by_key(|one| one["StreamName"].to_string());
    let revisions = configurations.iter().map(|one| one["MediaUriSecretRevision"].clone());
    (told["Cursor"].clone(), revisions.collect())
}

#[tokio::test]
async fn a_waiting_hub_hears_at_once_of_a_secret_that_it_uses_and_of_no_other() {
    let server = TestServer::start().await;
    let gate = create_secret(&server, "gate-camera").await;
    let other = create_secret(&server, "other-camera").await;
    // Named without the random suffix.
    let without_suffix = &gate[..gate.len() - 7];
    configure(&server, "gate", without_suffix).await;
    let (cursor, before) = apply(&server, &Value::Null, 0).await;
    assert!(before[0].is_string());
    let put = async |arn: &str, stages: Value| {
        let mut input = json!({"SecretId": arn, "SecretString": "{\"MediaURI\":\"rtsp://two\"}"});
        if !stages.is_null() {
            input["VersionStages"] = stages;
        }
        server.secrets("PutSecretValue", input).await.ok();
    };
    let changing = async {
        // Neither another secret nor a value that nobody reads changes anything.
        put(&other, Value::Null).await;
        put(&gate, json!(["PENDING"])).await;
        let (same, revisions) = apply(&server, &cursor, 0).await;
        assert_eq!((&same, revisions.len()), (&cursor, 0));
        put(&gate, Value::Null).await;
    };
    let (told, ()) = soon(async { tokio::join!(apply(&server, &cursor, 20), changing) }).await;
    assert_ne!(told.0, cursor);
    assert_ne!(told.1, before);

    // A hub that was away hears by its first call, also from a server that was restarted.
    let deleted = json!({"SecretId": gate, "ForceDeleteWithoutRecovery": true});
    server.secrets("DeleteSecret", deleted).await.ok();
    let server = server.restart().await;
    let (cursor, gone) = apply(&server, &told.0, 20).await;
    assert_eq!(gone, [Value::Null], "there is nothing to be read");
    let waiting = apply(&server, &cursor, 20);
    let ((_, anew), _) =
        soon(async { tokio::join!(waiting, create_secret(&server, "gate-camera")) }).await;
    assert!(anew[0].is_string() && anew[0] != before[0], "{anew:?}");
}
