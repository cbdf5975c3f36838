//! The declared operations held against the AWS service models: every member with its constraints must agree.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vigie_kvs::ErrorKind;
use vigie_kvs::operation::{
    OPERATIONS, Operation, SIGNALING, Service, by_path, by_target, signaling,
};
use vigie_kvs::schema::{Bytes, List, Map, Range, Shape, Text};
use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::{delivery::*, edge::*, media::*, stream::*, tag::*};

/// Where Vigie differs on purpose, with the reason.
const DIFFERENCES: &[(&str, &str)] = &[(
    "StartEdgeConfigurationUpdate.EdgeConfig.UploaderConfig.ScheduleConfig: required",
    "the reference page says that uploads are hourly without it; the model alone requires it",
)];

/// What the models do not describe: PutMedia takes its input from headers, extensions are Vigie's own, and STS's are not
/// among them.
fn is_modelled(operation: &Operation) -> bool {
    operation.name != "PutMedia" && !matches!(operation.service, Service::Extension | Service::Sts)
}

fn models() -> Value {
    serde_json::from_str(include_str!("../fixtures/service_models.json")).unwrap()
}

#[test]
fn every_member_agrees_with_the_service_models() {
    let models = models();
    let mut differences = Vec::new();
    for operation in OPERATIONS {
        if !is_modelled(operation) {
            continue;
        }
        let model = &models["operations"][operation.name];
        assert!(model.is_object(), "{} is not in the models", operation.name);
        assert_eq!(model["address"], operation.address, "{}", operation.name);
        assert_eq!(model["service"], format!("{:?}", operation.service), "{}", operation.name);
        let errors: BTreeSet<&str> = operation.errors.iter().map(|error| error.name()).collect();
        let modelled: BTreeSet<&str> =
            model["errors"].as_array().unwrap().iter().map(|e| e.as_str().unwrap()).collect();
        assert_eq!(errors, modelled, "{}", operation.name);
        compare(operation.name, operation.input, &model["input"], &mut differences);
    }
    let expected: Vec<&str> = DIFFERENCES.iter().map(|(path, _)| *path).collect();
    assert_eq!(differences, expected);
}

#[test]
fn every_modelled_operation_is_declared_and_found_by_its_address() {
    for (name, model) in models()["operations"].as_object().unwrap() {
        let address = model["address"].as_str().unwrap();
        let found = match model["service"] == "SecretsManager" {
            true => by_target(address),
            false => by_path(address),
        };
        assert_eq!(found.map(|operation| operation.name), Some(name.as_str()));
    }
    assert!(by_path("/createstream").is_none(), "paths are case-sensitive");
    assert!(by_path("secretsmanager.CreateSecret").is_none());
    assert!(by_target("/createStream").is_none());
}

#[test]
fn names_addresses_and_actions_are_unique() {
    let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
    let addresses: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.address).collect();
    let actions: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.action).collect();
    assert_eq!((names.len(), addresses.len(), actions.len()), (60, 60, 60));
    assert!(
        actions.contains("kinesisvideo:PutMedia") && actions.contains("kinesisvideo:SyncEdgeAgent")
    );
    let signing = |service: Service| service.signing_name();
    assert_eq!(signing(Service::KinesisVideoArchivedMedia), "kinesisvideo");
    assert_eq!(signing(Service::SecretsManager), "secretsmanager");
}

#[test]
fn the_control_plane_is_declared_or_refused_as_a_whole() {
    let models = models();
    let of_control_plane = |name: &&str| models["operations"][*name]["service"] == "KinesisVideo";
    let modelled = models["operations"].as_object().unwrap();
    let modelled: BTreeSet<&str> =
        modelled.keys().map(String::as_str).filter(of_control_plane).collect();
    let declared = OPERATIONS.iter().filter(|one| one.service == Service::KinesisVideo);
    let declared: BTreeSet<&str> = declared.map(|operation| operation.name).collect();
    assert_eq!(declared, modelled);
    let refused: Vec<(&str, &str)> = models["signaling"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, path)| (name.as_str(), path.as_str().unwrap()))
        .collect();
    assert_eq!(SIGNALING, refused);
    assert_eq!((declared.len(), refused.len()), (20, 12));
    for (name, path) in SIGNALING {
        let (found, error) = signaling(path).unwrap();
        assert_eq!((found, error.kind), (*name, ErrorKind::InvalidArgument));
        assert!(error.message.contains("no signaling"), "{error}");
        assert!(by_path(path).is_none());
    }
    assert!(signaling("/createStream").is_none());
    assert!(signaling("/tagResource").is_none(), "paths are case-sensitive");
}

#[test]
fn typed_outputs_hold_every_member_of_the_service_models() {
    let models = models();
    for operation in OPERATIONS.iter().filter(|one| one.service == Service::KinesisVideo) {
        let output = full("", &models["operations"][operation.name]["output"]);
        assert_eq!(output_round_trip(operation.name, &output), output, "{}", operation.name);
    }
}

fn output_round_trip(operation: &str, output: &Value) -> Value {
    fn of<T: DeserializeOwned + Serialize>(output: &Value) -> Value {
        let typed: T = serde_json::from_value(output.clone()).unwrap();
        serde_json::to_value(typed).unwrap()
    }
    match operation {
        "CreateStream" => of::<CreateStreamOutput>(output),
        "DescribeStream" => of::<DescribeStreamOutput>(output),
        "ListStreams" => of::<ListStreamsOutput>(output),
        "GetDataEndpoint" => of::<GetDataEndpointOutput>(output),
        "ListTagsForStream" => of::<ListTagsForStreamOutput>(output),
        "DescribeStreamStorageConfiguration" => {
            of::<DescribeStreamStorageConfigurationOutput>(output)
        }
        "DescribeImageGenerationConfiguration" => {
            of::<DescribeImageGenerationConfigurationOutput>(output)
        }
        "DescribeNotificationConfiguration" => {
            of::<DescribeNotificationConfigurationOutput>(output)
        }
        "StartEdgeConfigurationUpdate" => of::<EdgeConfigurationOutput>(output),
        "DescribeEdgeConfiguration" => of::<DescribeEdgeConfigurationOutput>(output),
        "ListEdgeAgentConfigurations" => of::<ListEdgeAgentConfigurationsOutput>(output),
        _ => {
            assert_eq!(*output, json!({}), "{operation} has an output");
            of::<Empty>(output)
        }
    }
}

/// A value of a modelled shape with every member present.
fn full(name: &str, model: &Value) -> Value {
    match model["type"].as_str().unwrap() {
        "structure" => {
            let members = model["members"].as_object().unwrap();
            members.iter().map(|(name, model)| (name.clone(), full(name, model))).collect()
        }
        "list" => json!([full(name, &model["element"])]),
        "map" => match full("key", &model["key"]) {
            Value::String(key) => [(key, full("value", &model["value"]))].into_iter().collect(),
            other => panic!("{other} as a key"),
        },
        "timestamp" => json!(1_705_489_836.421),
        "integer" | "long" => model.get("min").cloned().unwrap_or(json!(7)),
        "boolean" => json!(true),
        "string" => match model["enum"].as_array() {
            Some(values) => values[0].clone(),
            None => json!(format!("{name} of some text")),
        },
        other => panic!("{name} is of a type that no output had: {other}"),
    }
}

fn compare(path: &str, shape: &Shape, model: &Value, differences: &mut Vec<String>) {
    let mut differ = |what: &str| differences.push(format!("{path}: {what}"));
    let number = |key: &str| model.get(key).and_then(Value::as_i64);
    let count = |key: &str| number(key).map(|count| usize::try_from(count).unwrap());
    let mut length = |min: usize, max: Option<usize>| {
        if min != count("min").unwrap_or(0) || max != count("max") {
            differ("length");
        }
    };
    let kind = match shape {
        Shape::String(text) => {
            length(text.length_min, text.length_max);
            compare_text(path, text, model, differences);
            "string"
        }
        Shape::Integer(Range { min, max }) | Shape::Long(Range { min, max }) => {
            if *min != number("min") || *max != number("max") {
                differ("range");
            }
            if matches!(shape, Shape::Integer(_)) { "integer" } else { "long" }
        }
        Shape::Boolean => "boolean",
        Shape::Timestamp => "timestamp",
        Shape::Blob(Bytes { length_min, length_max }) => {
            length(*length_min, Some(*length_max));
            "blob"
        }
        Shape::Structure(members) => {
            let modelled = model["members"].as_object().unwrap();
            let declared: BTreeSet<&str> = members.iter().map(|member| member.name).collect();
            let expected: BTreeSet<&str> = modelled.keys().map(String::as_str).collect();
            assert_eq!(declared, expected, "{path}");
            for member in *members {
                let model = &modelled[member.name];
                let path = format!("{path}.{}", member.name);
                if member.required != (model.get("required") == Some(&Value::Bool(true))) {
                    differences.push(format!("{path}: required"));
                }
                compare(&path, member.shape, model, differences);
            }
            "structure"
        }
        Shape::List(List { element, length_min, length_max }) => {
            length(*length_min, *length_max);
            compare(&format!("{path}[]"), element, &model["element"], differences);
            "list"
        }
        Shape::Map(Map { key, value, length_min, length_max }) => {
            length(*length_min, *length_max);
            compare(&format!("{path}.keys"), &Shape::String(*key), &model["key"], differences);
            compare(&format!("{path}.values"), value, &model["value"], differences);
            "map"
        }
    };
    assert_eq!(model["type"], kind, "{path}");
}

fn compare_text(path: &str, text: &Text, model: &Value, differences: &mut Vec<String>) {
    if text.pattern != model.get("pattern").and_then(Value::as_str) {
        differences.push(format!("{path}: pattern"));
    }
    let values = model.get("enum").and_then(Value::as_array).into_iter().flatten();
    let modelled: BTreeSet<&str> = values.map(|value| value.as_str().unwrap()).collect();
    if text.values.iter().copied().collect::<BTreeSet<_>>() != modelled {
        differences.push(format!("{path}: values"));
    }
    if text.sensitive != (model.get("sensitive") == Some(&Value::Bool(true))) {
        differences.push(format!("{path}: sensitive"));
    }
}
