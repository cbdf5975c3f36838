//! `vigie cameras add`: many cameras by a list, through the public API: each is tried from its hub and then recorded.
//!
//! Decides what is left to do of a list. Nothing is made before all of it is known to be right, and a list that was not
//! finished is finished by giving it again.

mod address;
mod list;
mod making;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use vigie_agent::{ApiClient, CredentialsChain, Endpoints, service_url};
use vigie_kvs::ErrorKind;
use vigie_kvs::arn::ThingArn;
use vigie_kvs::operation;
use vigie_kvs::shapes::hub_request::{TestCameraInput, TestCameraOutput};
use vigie_store::OsDisk;

use self::list::{CameraLine, TAKEN};
use self::making::{CallError, Making, Standing, called};
use crate::cli::CamerasAddOptions;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::stop;
use crate::system::SystemClock;

/// Some ten thousand cameras.
const LIST_BYTES_MAX: u64 = 1 << 20;
/// The service holds a test until its hub has answered, below a minute.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// A hub is asked twice a second at most.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);
const ASK_AGAIN_MAX: usize = 20;

pub fn add(options: &CamerasAddOptions) -> Result<(), Failure> {
    let hub: ThingArn = options.hub_device_arn.parse().map_err(|_| {
        Failure::usage("--hub-device-arn is not of the form arn:aws:iot:REGION:ACCOUNT:thing/NAME")
    })?;
    let url = |text: &str, option| {
        service_url(text, option, options.insecure_http)
            .map_err(|error| Failure::usage(error.to_string()))
    };
    let kinesisvideo = url(&options.endpoint_url, "--endpoint-url")?;
    let secrets = match &options.secrets_endpoint_url {
        Some(text) => url(text, "--secrets-endpoint-url")?,
        None => kinesisvideo.clone(),
    };
    let cameras = read(&options.list)?;
    let (region, insecure_http) = (options.region.clone(), options.insecure_http);
    let endpoints = Endpoints { kinesisvideo, secrets, region, insecure_http };
    let credentials = CredentialsChain::from_environment(|name| std::env::var(name).ok());
    // The agent's client says for each call why it cannot be signed; here nothing comes of any.
    credentials.resolve(&OsDisk).doing("find access keys")?;
    let clock = Arc::new(SystemClock::new());
    let api = ApiClient::new(endpoints, credentials, Arc::new(OsDisk), clock)
        .doing("start the HTTP client")?;
    let making =
        Making { api, hub_device_arn: hub.to_string(), retention_hours: options.retention_hours };
    stop::runtime()?.block_on(add_all(&making, &cameras, options.untested))
}

fn read(path: &Path) -> Result<Vec<CameraLine>, Failure> {
    let reading = || format!("read the list {}", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes))
        .doing(reading())?;
    if bytes.len() as u64 > LIST_BYTES_MAX {
        let message = format!("{} is longer than a list of cameras is: 1 MiB", path.display());
        return Err(Failure::usage(message));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{} is not in UTF-8", path.display())))?;
    let cameras = list::cameras(&text).doing(reading())?;
    if cameras.is_empty() {
        let message = format!(
            "{} has no cameras: a line for each, name,address,user,password",
            path.display()
        );
        return Err(Failure::usage(message));
    }
    let faults = cameras.iter().enumerate().filter_map(|(at, camera)| {
        let earlier: Vec<&str> = cameras[..at].iter().map(|other| other.name.as_str()).collect();
        camera.fault(&earlier).map(|fault| said(camera, fault))
    });
    refuse(faults.collect())?;
    Ok(cameras)
}

/// How a camera of the list is spoken of.
fn said(camera: &CameraLine, what: &str) -> String {
    format!("line {}: {}: {what}", camera.line, camera.name)
}

/// Ends here when there is something wrong with the list.
fn refuse(faults: Vec<String>) -> Result<(), Failure> {
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::other(format!(
            "nothing was added, for of the list\n{}",
            faults.join("\n")
        ))),
    }
}

async fn add_all(making: &Making, cameras: &[CameraLine], untested: bool) -> Result<(), Failure> {
    let mut standings = Vec::with_capacity(cameras.len());
    let mut faults = Vec::new();
    for camera in cameras {
        let standing = making.standing(&camera.name).await;
        let standing = standing
            .doing(format!("see what there is of {} (line {})", camera.name, camera.line))?;
        match standing {
            Standing::Taken => faults.push(said(camera, TAKEN)),
            Standing::SecretTaken => {
                let what =
                    format!("There is a secret {} already.", making::secret_name(&camera.name));
                faults.push(said(camera, &what));
            }
            Standing::New | Standing::Begun | Standing::Added => {}
        }
        standings.push(standing);
    }
    refuse(faults)?;
    let (mut added, mut failed) = (Vec::new(), 0);
    for (camera, standing) in cameras.iter().zip(standings) {
        if let Standing::Added = standing {
            output::line(&said(camera, "is there already"))?;
            continue;
        }
        match one(making, camera, standing, untested).await {
            Ok(Outcome::Added(details)) => {
                output::line(&said(camera, &format!("added. {details}")))?;
                added.push(camera.name.as_str());
            }
            Ok(Outcome::DoesNotWork(details)) => {
                output::line(&said(camera, &format!("not added. {details}")))?;
                failed += 1;
            }
            Err(error) => return Err(stopped(camera, &error, &added)),
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::answered_no()),
    }
}

/// A call failed: what was made before it stays, and is said.
fn stopped(camera: &CameraLine, error: &CallError, added: &[&str]) -> Failure {
    let before = match added {
        [] => "none was added".to_owned(),
        added => format!("added before it: {}", added.join(", ")),
    };
    Failure::other(format!(
        "cannot add {} (line {}): {error}; {before}. Give the list again: it goes on from there",
        camera.name, camera.line
    ))
}

enum Outcome {
    /// With what the hub said of the camera.
    Added(String),
    /// Why the hub sees no picture of it.
    DoesNotWork(String),
}

async fn one(
    making: &Making,
    camera: &CameraLine,
    standing: Standing,
    untested: bool,
) -> Result<Outcome, CallError> {
    let details = match untested {
        true => "It was not tried".to_owned(),
        false => {
            let tested = test(making, camera).await?;
            if !tested.connected {
                return Ok(Outcome::DoesNotWork(tested.job_status_details));
            }
            tested.job_status_details
        }
    };
    making.make(&camera.name, camera.uri(), standing).await?;
    Ok(Outcome::Added(details))
}

async fn test(making: &Making, camera: &CameraLine) -> Result<TestCameraOutput, CallError> {
    let input = TestCameraInput {
        hub_device_arn: making.hub_device_arn.clone(),
        media_uri_secret_arn: None,
        media_uri: Some(camera.uri()),
    };
    let mut tries_left = ASK_AGAIN_MAX;
    loop {
        let asked = making.api.invoke_within(&operation::TEST_CAMERA, &input, TEST_TIMEOUT).await;
        let tested = called(&operation::TEST_CAMERA, asked);
        match tested {
            Err(error) if error.is(ErrorKind::ClientLimitExceeded) && tries_left > 0 => {
                tries_left -= 1;
                tokio::time::sleep(ASK_AGAIN_AFTER).await;
            }
            tested => return tested,
        }
    }
}
