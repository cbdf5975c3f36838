//! Secrets Manager over the wire: the six operations, their rules and their silence.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use vigie_store::OsDisk;

use crate::common::{TestServer, config, open, soon};

const URI: &str = r#"{"MediaURI":"rtsp://user:hunter2@192.0.2.7/stream"}"#;

async fn create(server: &TestServer, name: &str) -> String {
    let input = json!({"Name": name, "SecretString": URI});
    server.secrets("CreateSecret", input).await.ok()["ARN"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_is_read_by_name_arn_and_partial_arn() {
    let server = TestServer::start().await;
    let arn = create(&server, "cams/gate").await;
    let prefix = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cams/gate";
    assert_eq!(&arn[..arn.len() - 7], prefix);
    for id in ["cams/gate", &arn, prefix] {
        let output = server.secrets("GetSecretValue", json!({"SecretId": id})).await.ok();
        assert_eq!(output["SecretString"], URI, "{id}");
        assert_eq!(output["VersionStages"], json!(["AWSCURRENT"]));
        assert_eq!(output["ARN"], arn);
        assert!(output.get("SecretBinary").is_none());
    }
    for id in ["cams/gat", &arn[..arn.len() - 1], "arn:aws:secretsmanager:x"] {
        let answer = server.secrets("GetSecretValue", json!({"SecretId": id})).await;
        assert_eq!(answer.error(), (400, "ResourceNotFoundException"), "{id}");
        assert_eq!(answer.json()["__type"], "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn a_new_value_becomes_current_and_the_last_one_previous() {
    let server = TestServer::start().await;
    create(&server, "cam").await;
    for value in ["two", "three"] {
        let input = json!({"SecretId": "cam", "SecretString": value});
        let output = server.secrets("PutSecretValue", input).await.ok();
        assert_eq!(output["VersionStages"], json!(["AWSCURRENT"]));
    }
    let get = async |stage: &str| {
        let input = json!({"SecretId": "cam", "VersionStage": stage});
        server.secrets("GetSecretValue", input).await.ok()["SecretString"].clone()
    };
    assert_eq!((get("AWSCURRENT").await, get("AWSPREVIOUS").await), (json!("three"), json!("two")));
    let described = server.secrets("DescribeSecret", json!({"SecretId": "cam"})).await.ok();
    assert_eq!(described["VersionIdsToStages"].as_object().unwrap().len(), 2);
    assert!(described["LastAccessedDate"].is_number());
    assert!(!described.to_string().contains("three"));
}

#[tokio::test]
async fn repeating_a_token_does_nothing_and_changing_its_value_is_refused() {
    let server = TestServer::start().await;
    let token = "0123456789abcdef0123456789abcdef";
    let input =
        |value: &str| json!({"Name": "cam", "SecretString": value, "ClientRequestToken": token});
    let first = server.secrets("CreateSecret", input("one")).await.ok();
    assert_eq!(server.secrets("CreateSecret", input("one")).await.ok(), first);
    let answer = server.secrets("CreateSecret", input("two")).await;
    assert_eq!(answer.error(), (400, "ResourceExistsException"));
    let put = |value: &str| json!({"SecretId": "cam", "SecretString": value, "ClientRequestToken": token});
    server.secrets("PutSecretValue", put("one")).await.ok();
    let answer = server.secrets("PutSecretValue", put("two")).await;
    assert_eq!(answer.error(), (400, "ResourceExistsException"));
}

#[tokio::test]
async fn a_deleted_secret_waits_for_its_window_and_then_goes() {
    let server = TestServer::start().await;
    create(&server, "cam").await;
    let input = json!({"SecretId": "cam", "RecoveryWindowInDays": 7});
    let output = server.secrets("DeleteSecret", input).await.ok();
    let left_s = output["DeletionDate"].as_f64().unwrap() - server.clock.wall().as_seconds_f64();
    assert!((left_s - 7.0 * 86_400.0).abs() < 60.0);
    let answer = server.secrets("GetSecretValue", json!({"SecretId": "cam"})).await;
    assert_eq!(answer.error(), (400, "InvalidRequestException"));
    let answer = server.secrets("CreateSecret", json!({"Name": "cam", "SecretString": "x"})).await;
    assert_eq!(answer.error(), (400, "InvalidRequestException"));
    assert!(server.secrets("ListSecrets", json!({})).await.ok()["SecretList"] == json!([]));
    let input = json!({"IncludePlannedDeletion": true});
    let listed = server.secrets("ListSecrets", input).await.ok();
    assert_eq!(listed["SecretList"][0]["Name"], "cam");
    // The window is over while the server is down; for an hour after that its clock is not believed.
    server.clock.advance(Duration::from_secs(8 * 86_400));
    let server = server.restart().await;
    server.clock.advance(Duration::from_secs(3661));
    let server = server.restart().await;
    soon(async {
        while server.secrets("DescribeSecret", json!({"SecretId": "cam"})).await.status == 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    create(&server, "cam").await;
}

#[tokio::test]
async fn deleting_at_once_frees_the_name_and_asks_for_no_existence() {
    let server = TestServer::start().await;
    create(&server, "cam").await;
    let input = json!({"SecretId": "cam", "ForceDeleteWithoutRecovery": true});
    server.secrets("DeleteSecret", input.clone()).await.ok();
    server.secrets("DeleteSecret", input).await.ok();
    create(&server, "cam").await;
    let both = json!({
        "SecretId": "cam", "ForceDeleteWithoutRecovery": true, "RecoveryWindowInDays": 7,
    });
    let answer = server.secrets("DeleteSecret", both).await;
    assert_eq!(answer.error(), (400, "InvalidParameterException"));
}

#[tokio::test]
async fn secrets_are_listed_by_filter_and_page_without_their_values() {
    let server = TestServer::start().await;
    for name in ["cam-1", "cam-2", "other", "cam-3"] {
        create(&server, name).await;
    }
    let names = |output: &Value| -> Vec<String> {
        let list = output["SecretList"].as_array().unwrap();
        list.iter().map(|secret| secret["Name"].as_str().unwrap().to_owned()).collect()
    };
    let filters = json!([{"Key": "name", "Values": ["cam-"]}]);
    let mut input = json!({"Filters": filters, "MaxResults": 2, "SortOrder": "asc"});
    let first = server.secrets("ListSecrets", input.clone()).await.ok();
    assert_eq!(names(&first), ["cam-1", "cam-2"]);
    input["NextToken"] = first["NextToken"].clone();
    let second = server.secrets("ListSecrets", input).await.ok();
    assert_eq!(names(&second), ["cam-3"]);
    assert!(!first.to_string().contains("hunter2"));
    let not = json!({"Filters": [{"Key": "name", "Values": ["!cam-"]}]});
    assert_eq!(names(&server.secrets("ListSecrets", not).await.ok()), ["other"]);
}

#[tokio::test]
async fn binary_values_and_secrets_without_a_value() {
    let server = TestServer::start().await;
    server.secrets("CreateSecret", json!({"Name": "empty"})).await.ok();
    let answer = server.secrets("GetSecretValue", json!({"SecretId": "empty"})).await;
    assert_eq!(answer.error(), (400, "ResourceNotFoundException"));
    let input = json!({"SecretId": "empty", "SecretBinary": "AAEC"});
    server.secrets("PutSecretValue", input).await.ok();
    let output = server.secrets("GetSecretValue", json!({"SecretId": "empty"})).await.ok();
    assert_eq!(output["SecretBinary"], "AAEC");
    let both = json!({"Name": "both", "SecretBinary": "AAEC", "SecretString": "x"});
    let answer = server.secrets("CreateSecret", both).await;
    assert_eq!(answer.error(), (400, "InvalidParameterException"));
}

#[tokio::test]
async fn nothing_on_disk_tells_a_value_or_a_secret_access_key() {
    let server = TestServer::start().await;
    create(&server, "cam").await;
    let secret_access_key = server.credentials.secret_access_key.expose().to_owned();
    let (folder, _) = server.stop().await;
    let mut read = 0;
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.ends_with("credentials") {
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        read += content.len();
        for needle in ["hunter2", "rtsp://", &secret_access_key] {
            let found = content.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "{needle} in {}", path.display());
        }
    }
    assert!(read > 10_000);
}

/// Sealed values have noted their master key since; what was sealed before stays as it is until it is sealed anew.
#[tokio::test]
async fn a_folder_whose_sealed_values_note_no_master_key_goes_on() {
    let server = TestServer::start().await;
    create(&server, "cam").await;
    let (folder, clock) = server.stop().await;
    let path = config(folder.path()).metadata_path();
    let metadata = rusqlite::Connection::open(&path).unwrap();
    for (table, column) in
        [("access_key", "sealed_secret"), ("secret_version", "sealed_value"), ("setting", "value")]
    {
        let changed = metadata.execute(
            &format!(
                "UPDATE {table} SET {column} = substr({column}, 13)
                 WHERE substr({column}, 1, 4) = x'56475331'"
            ),
            [],
        );
        assert_eq!(changed, Ok(1), "{table}");
    }
    drop(metadata);
    assert!(open(config(folder.path()), 8, Arc::clone(&clock)).await.is_err());
    let server = TestServer::start_in(Arc::new(OsDisk), folder, clock).await;
    let read = json!({"SecretId": "cam"});
    let output = server.secrets("GetSecretValue", read.clone()).await.ok();
    assert_eq!(output["SecretString"], URI);
    let input = json!({"SecretId": "cam", "SecretString": "two"});
    server.secrets("PutSecretValue", input).await.ok();
    let server = server.restart().await;
    assert_eq!(server.secrets("GetSecretValue", read).await.ok()["SecretString"], "two");
}
