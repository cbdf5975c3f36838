//! Bodies that were sound and then were changed at random, for every operation: an answer in the shape of the
//! operation, never a failure of the server.

use bytes::Bytes;
use http_body_util::Full;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use vigie_kvs::operation::{GET_MEDIA, OPERATIONS, PUT_MEDIA};
use vigie_kvs::schema::{List, Map, Range, Shape, Text};
use vigie_kvs::sts::REQUEST_CONTENT_TYPE;
use vigie_kvs::{Operation, Protocol};

use crate::common::{Answer, TestServer, collect};

/// An input of the shape with every member but StreamARN.
fn sound(name: &str, shape: &Shape) -> Value {
    match shape {
        Shape::String(text) => json!(sound_text(name, text)),
        Shape::Integer(Range { min, .. }) | Shape::Long(Range { min, .. }) => {
            json!(min.unwrap_or(300))
        }
        Shape::Boolean => json!(true),
        Shape::Timestamp => json!(1_705_489_836.421),
        Shape::Blob(_) => json!("AAECAw=="),
        Shape::Structure(members) => members
            .iter()
            .filter(|member| member.name != "StreamARN" || member.required)
            .map(|member| (member.name.to_owned(), sound(member.name, member.shape)))
            .collect(),
        Shape::List(List { element, .. }) => json!([sound(name, element)]),
        Shape::Map(Map { key, value, .. }) => {
            [(sound_text("Key", key), sound("Value", value))].into_iter().collect()
        }
    }
}

fn sound_text(name: &str, text: &Text) -> String {
    let place = "us-east-1:000000000000";
    match (name, text.values.first()) {
        (_, Some(value)) => (*value).to_owned(),
        ("StreamName", _) => "gate".to_owned(),
        ("StreamARN", _) => format!("arn:aws:kinesisvideo:{place}:stream/gate/1705489836421"),
        ("HubDeviceArn", _) => format!("arn:aws:iot:{place}:thing/hub"),
        ("MediaUriSecretArn", _) => format!("arn:aws:secretsmanager:{place}:secret:cam-AbCdEf"),
        ("MediaType", _) => "video/h264".to_owned(),
        ("ScheduleExpression", _) => "0 0 9 * * ? *".to_owned(),
        ("DestinationRegion", _) => "us-east-1".to_owned(),
        ("Uri", _) => "s3://bucket/prefix".to_owned(),
        _ => "1".repeat(text.length_min.max(1)),
    }
}

/// One change of a body.
#[derive(Clone, Debug)]
enum Change {
    /// The n-th value of the tree becomes another.
    Value(usize, Value),
    /// The n-th value of the tree goes deep.
    Nested(usize, usize),
    /// Bytes are cut out and others put in.
    Bytes(usize, usize, Vec<u8>),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let value = prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!(true)),
        Just(json!("")),
        Just(json!(-1)),
        Just(json!(0)),
        Just(json!(1e308)),
        Just(json!(-1e308)),
        Just(json!(0.5)),
        any::<i64>().prop_map(|number| json!(number)),
        Just(json!(u64::MAX)),
        Just(json!("\u{0}")),
        Just(json!("a".repeat(5000))),
        any::<String>().prop_map(Value::from),
        "[a-zA-Z0-9+/=:_.-]{0,40}".prop_map(Value::from),
        Just(json!("bnVsbA==")),
    ];
    let change = prop_oneof![
        6 => (any::<usize>(), value).prop_map(|(at, value)| Change::Value(at, value)),
        1 => (any::<usize>(), 1..2000_usize).prop_map(|(at, depth)| Change::Nested(at, depth)),
        3 => (any::<usize>(), 0..6_usize, any::<Vec<u8>>())
            .prop_map(|(at, cut, put)| Change::Bytes(at, cut, put)),
    ];
    prop::collection::vec(change, 1..4)
}

fn changed(mut body: Value, changes: &[Change]) -> Vec<u8> {
    let mut deep = None;
    for change in changes {
        let (at, value) = match change {
            Change::Value(at, value) => (*at, value.clone()),
            Change::Nested(at, depth) => {
                deep = Some(*depth);
                (*at, json!("DEEP"))
            }
            Change::Bytes(..) => continue,
        };
        let count = count(&body);
        *nth(&mut body, &mut (at % count)).unwrap() = value;
    }
    let mut text = body.to_string();
    if let Some(depth) = deep {
        text = text.replace("\"DEEP\"", &format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    }
    let mut bytes = text.into_bytes();
    for change in changes {
        if let Change::Bytes(at, cut, put) = change {
            let from = at % (bytes.len() + 1);
            let to = (from + cut).min(bytes.len());
            bytes.splice(from..to, put.iter().copied());
        }
    }
    bytes
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(count).sum(),
        Value::Array(elements) => elements.iter().map(count).sum(),
        _ => 0,
    }
}

fn nth<'a>(value: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Object(members) => members.values_mut().find_map(|value| nth(value, at)),
        Value::Array(elements) => elements.iter_mut().find_map(|value| nth(value, at)),
        _ => None,
    }
}

async fn send(server: &TestServer, operation: &Operation, body: Bytes) -> Answer {
    let (path, headers) = match operation.protocol() {
        Protocol::RestJson => (operation.address, vec![]),
        Protocol::AwsJson11 => ("/", vec![("x-amz-target", operation.address.to_owned())]),
        Protocol::AwsQuery => ("/", vec![("content-type", REQUEST_CONTENT_TYPE.to_owned())]),
    };
    let service = operation.service.signing_name();
    let now = server.clock.wall();
    let request = server.signed(&server.credentials, path, service, &headers, Some(&body), now);
    collect(server.send(request.map(|()| Full::new(body))).await).await
}

#[test]
fn no_body_of_any_operation_makes_the_server_fail() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let server = TestServer::start().await;
        server.create_stream("gate", 24).await;
        server
    });
    // PutMedia takes its input from headers.
    for operation in OPERATIONS.iter().filter(|operation| operation.name != PUT_MEDIA.name) {
        let mut body = sound("", operation.input);
        if operation.name == GET_MEDIA.name {
            // Of a stream that is there it would not end.
            body["StreamName"] = json!("nobody");
        }
        let mut runner =
            TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
        let outcome = runner.run(&changes(), |changes| {
            let mut sent = changed(body.clone(), &changes);
            if operation.protocol() == Protocol::AwsQuery {
                let form = format!("Action={}&Version=2011-06-15&DurationSeconds=", operation.name);
                sent.splice(..0, form.into_bytes());
            }
            let answer = runtime.block_on(send(&server, operation, Bytes::from(sent.clone())));
            let shown = String::from_utf8_lossy(&sent);
            prop_assert!(answer.status < 500, "{}: {shown}", operation.name);
            if operation.protocol() == Protocol::AwsQuery {
                prop_assert!([200, 400].contains(&answer.status), "{}: {shown}", answer.status);
                prop_assert!(answer.body.starts_with(b"<"), "{shown}");
            } else if answer.status != 200 {
                prop_assert!([400, 403, 404].contains(&answer.status), "{}", answer.status);
                prop_assert!(!answer.error().1.is_empty());
                prop_assert!(answer.json().is_object(), "{shown}");
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}: {}", operation.name, outcome.unwrap_err());
    }
    runtime.block_on(async {
        let info = server.call("/describeStream", json!({"StreamName": "gate"})).await;
        assert_eq!(info.status, 200);
        server.stop().await;
    });
}
