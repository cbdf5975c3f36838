//! A camera, from nothing to being recorded: its secret, its stream, its edge configuration, in this order.
//!
//! The secret comes first and says by its description what it is for: whoever is interrupted between two of the steps is
//! known by it, and nobody's secret or stream is taken for his.

use std::fmt;

use serde_json::{Value, json};
use vigie_agent::ApiClient;
use vigie_agent::core::CallFailure;
use vigie_kvs::operation::{self, Operation};
use vigie_kvs::{ErrorKind, Sensitive};

/// Of the secrets that are made here.
const DESCRIPTION: &str = "Made by vigie cameras add.";

/// What there is of a camera already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    New,
    /// Its secret, and perhaps its stream.
    Begun,
    /// All of it, at this hub.
    Added,
    /// Its name is another stream's.
    Taken,
    /// The name of its secret is another's.
    SecretTaken,
}

/// What all cameras of a list are made with.
pub struct Making {
    pub api: ApiClient,
    pub hub_device_arn: String,
    pub retention_hours: u32,
}

/// A call that failed.
#[derive(Clone, Copy, Debug)]
pub struct CallError {
    operation: &'static str,
    failure: CallFailure,
}

impl CallError {
    pub fn is(&self, expect: ErrorKind) -> bool {
        matches!(self.failure, CallFailure::Refused { kind: Some(kind), .. } if kind == expect)
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.failure)?;
        match self.failure {
            CallFailure::Refused { kind: Some(kind), .. } => write!(f, ", {}", kind.name()),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for CallError {}

/// An answer, or which call failed.
pub fn called<T>(
    operation: &'static Operation,
    answer: Result<T, CallFailure>,
) -> Result<T, CallError> {
    answer.map_err(|failure| CallError { operation: operation.name, failure })
}

pub fn secret_name(stream: &str) -> String {
    format!("{stream}-camera")
}

impl Making {
    pub async fn standing(&self, name: &str) -> Result<Standing, CallError> {
        let of_stream = json!({ "StreamName": name });
        let stream = self.ask(&operation::DESCRIBE_STREAM, &of_stream).await?;
        let is_there = stream.is_some();
        if is_there {
            let edge = self.ask(&operation::DESCRIBE_EDGE_CONFIGURATION, &of_stream).await?;
            if let Some(edge) = edge {
                let hub = edge["EdgeConfig"]["HubDeviceArn"].as_str();
                let is_here = hub == Some(self.hub_device_arn.as_str());
                return Ok(if is_here { Standing::Added } else { Standing::Taken });
            }
        }
        let of_secret = json!({ "SecretId": secret_name(name) });
        let secret = self.ask(&operation::DESCRIBE_SECRET, &of_secret).await?;
        let is_ours = |secret: &Value| secret["Description"].as_str() == Some(DESCRIPTION);
        Ok(match secret {
            Some(secret) if is_ours(&secret) => Standing::Begun,
            _ if is_there => Standing::Taken,
            Some(_) => Standing::SecretTaken,
            None => Standing::New,
        })
    }

    /// Makes what is not made yet.
    pub async fn make(
        &self,
        name: &str,
        uri: Sensitive,
        standing: Standing,
    ) -> Result<(), CallError> {
        let secret = secret_name(name);
        let value = json!({ "MediaURI": uri }).to_string();
        let secret = match standing {
            // What the list says may be another address by now.
            Standing::Begun => {
                let input = json!({ "SecretId": secret, "SecretString": value });
                self.call(&operation::PUT_SECRET_VALUE, &input).await?
            }
            _ => {
                let input =
                    json!({ "Name": secret, "SecretString": value, "Description": DESCRIPTION });
                self.call(&operation::CREATE_SECRET, &input).await?
            }
        };
        let input = json!({ "StreamName": name, "DataRetentionInHours": self.retention_hours });
        match self.call(&operation::CREATE_STREAM, &input).await {
            Err(error) if standing == Standing::Begun && error.is(ErrorKind::ResourceInUse) => {}
            created => drop(created?),
        }
        let input = json!({ "StreamName": name, "EdgeConfig": self.edge_config(&secret["ARN"]) });
        self.call(&operation::START_EDGE_CONFIGURATION_UPDATE, &input).await.map(drop)
    }

    /// As the console's form has it before anybody changes it: recorded and uploaded always (hour after hour), deleted at
    /// the hub once it is uploaded.
    fn edge_config(&self, secret_arn: &Value) -> Value {
        json!({
            "HubDeviceArn": self.hub_device_arn,
            "RecorderConfig": { "MediaSourceConfig": {
                "MediaUriSecretArn": secret_arn, "MediaUriType": "RTSP_URI",
            } },
            "UploaderConfig": { "ScheduleConfig": {
                "ScheduleExpression": "0 0 * * * ?", "DurationInSeconds": 3600,
            } },
            "DeletionConfig": { "DeleteAfterUpload": true },
        })
    }

    async fn call(&self, operation: &'static Operation, input: &Value) -> Result<Value, CallError> {
        called(operation, self.api.invoke(operation, input).await)
    }

    /// The answer, or nothing when what was asked for is not there.
    async fn ask(
        &self,
        operation: &'static Operation,
        input: &Value,
    ) -> Result<Option<Value>, CallError> {
        match self.call(operation, input).await {
            Ok(answer) => Ok(Some(answer)),
            Err(error)
                if error.is(ErrorKind::ResourceNotFound)
                    || error.is(ErrorKind::StreamEdgeConfigurationNotFound) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
