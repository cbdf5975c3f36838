//! `vigie agent`: the edge agent with the real clock, disk and chance.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use vigie_agent::{Agent, AgentConfig, CredentialsChain, LiveSettings};
use vigie_store::OsDisk;
use vigie_store::disk::create_dir_durably;

use crate::cli::{AgentCommand, AgentOptions, Command, TakeOverOptions};
use crate::cmd::agent_status;
use crate::config;
use crate::failure::{Doing, Failure};
use crate::open_files;
use crate::output;
use crate::stop;
use crate::supervisor;
use crate::system::{SystemChance, SystemClock};
use crate::zone;

pub fn run(options: AgentOptions) -> Result<(), Failure> {
    match &options.command {
        Some(AgentCommand::Status(status)) => return agent_status::run(status),
        Some(AgentCommand::TakeOver(options)) => return take_over(options),
        None => {}
    }
    let (Some(hub_device_arn), Some(endpoint_url)) = (options.hub_device_arn, options.endpoint_url)
    else {
        // The parser requires them without a command.
        return Err(Failure::usage("--hub-device-arn and --endpoint-url are required"));
    };
    open_files::raise();
    let config = AgentConfig {
        hub_device_arn,
        endpoint_url,
        secrets_endpoint_url: options.secrets_endpoint_url,
        insecure_http: options.insecure_http,
        region: options.region,
        data_dir: options.data_dir,
        time_zone: zone::find(options.timezone.as_deref())?,
        listen: options.listen,
        camera_ca: options.camera_ca,
        file_roots: options.file_root,
        upload_bytes_per_second: options.upload_bandwidth_bytes_per_second,
        credentials: CredentialsChain::from_environment(|name| std::env::var(name).ok()),
    };
    let clock = Arc::new(SystemClock::new());
    stop::runtime()?.block_on(async {
        let stop = stop::requested()?;
        let agent = Agent::open(config, clock, Box::new(SystemChance), Arc::new(OsDisk))
            .doing("start the agent")?;
        let agent = match supervisor::pulse() {
            Some(pulse) => agent.with_pulse(pulse),
            None => agent,
        };
        let agent = agent.with_settings(settings_on_hangup()?);
        supervisor::ready();
        let stop = async {
            stop.await;
            supervisor::stopping();
        };
        agent.run(stop).await.doing("go on")
    })
}

/// With each SIGHUP what the configuration file says then, as far as it can change while the agent runs.
fn settings_on_hangup() -> Result<mpsc::UnboundedReceiver<LiveSettings>, Failure> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut hangup = signal(SignalKind::hangup()).doing("listen for SIGHUP")?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            match live_settings() {
                Ok(settings) => {
                    tracing::info!(
                        upload_bytes_per_second = settings.upload_bytes_per_second,
                        "the configuration is read again: time zone, upload bandwidth and camera certificates"
                    );
                    if sender.send(settings).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the configuration cannot be read again; the former one stays");
                }
            }
        }
    });
    Ok(receiver)
}

fn live_settings() -> Result<LiveSettings, Failure> {
    let Command::Agent(options) = config::parse_again()?.command else {
        return Err(Failure::other("this is not the agent's command line"));
    };
    Ok(LiveSettings {
        time_zone: zone::find(options.timezone.as_deref())?,
        upload_bytes_per_second: options.upload_bandwidth_bytes_per_second,
        camera_ca: options.camera_ca,
    })
}

/// Moves a hub here on purpose.
fn take_over(options: &TakeOverOptions) -> Result<(), Failure> {
    let folder = &options.data_dir;
    let writing = || format!("write to {}", folder.display());
    create_dir_durably(&OsDisk, folder).doing(writing())?;
    vigie_agent::take_over(&OsDisk, folder, &mut SystemChance).doing(writing())?;
    output::line(
        "the agent of this folder takes its hub over at its next call; the one that worked as the hub is refused from \
         then on and is to be stopped",
    )
}
