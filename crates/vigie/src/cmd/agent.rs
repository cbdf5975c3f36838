//! `vigie agent`: the edge agent with the real clock, disk and chance.

use std::sync::Arc;

use vigie_agent::{Agent, AgentConfig, CredentialsChain};
use vigie_store::OsDisk;

use crate::cli::{AgentCommand, AgentOptions};
use crate::cmd::agent_status;
use crate::failure::{Doing, Failure};
use crate::open_files;
use crate::stop;
use crate::supervisor;
use crate::system::{SystemChance, SystemClock};
use crate::zone;

pub fn run(options: AgentOptions) -> Result<(), Failure> {
    if let Some(AgentCommand::Status(status)) = &options.command {
        return agent_status::run(status);
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
        region: options.region,
        data_dir: options.data_dir,
        time_zone: zone::find(options.timezone.as_deref())?,
        listen: options.listen,
        camera_ca: options.camera_ca,
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
        supervisor::ready();
        let stop = async {
            stop.await;
            supervisor::stopping();
        };
        agent.run(stop).await.doing("go on")
    })
}
