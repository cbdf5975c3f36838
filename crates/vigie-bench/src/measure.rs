//! The order of the measurements of the control plane.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;
use vigie_kvs::sigv4::Credentials;

use crate::client::Caller;
use crate::hubs::{Hubs, edge_configuration};
use crate::process::Server;
use crate::report::{Figures, page};
use crate::{ControlPlane, Outcome, disk_floor, load, machine, process};

/// Edge configurations begun one after another while all hubs are connected.
const RECEIPTS: usize = 2_000;
/// Updates counted for the rate; each needs a stream of its own, because one that is SYNCING takes no other.
const UPDATES: usize = 4_000;

/// Measures, and returns the page.
pub(crate) async fn control_plane(options: &ControlPlane) -> Outcome<String> {
    let (processor, cores) = machine::processor()?;
    process::leave_the_core(cores)?;
    let folder = options.place.data_folder()?;
    let time = Duration::from_secs(options.seconds);
    let nobody = Arc::new(Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "secret".into(),
        session_token: None,
    });
    let describe = describe_streams(options.hubs);
    let hello_rate = {
        let hello = Server::hello()?;
        let target = (hello.address, hello.pid());
        load::for_a_time(target, &nobody, "/describeStream", &describe, time).await?
    };
    let syncs_per_second = disk_floor::syncs_per_second(folder.path())?;

    let (server, credentials) = Server::vigie(&options.vigie, folder.path()).await?;
    let credentials = Arc::new(credentials);
    let target = (server.address, server.pid());
    let create = create_streams("gate", options.hubs);
    load::each_once(target, &credentials, "/createStream", &create).await?;
    let memory_before = machine::memory_bytes(server.pid())?;
    let mut hubs = Hubs::connect(server.address, &credentials, options.hubs).await?;
    let receipts = receipts(&server, &credentials, &mut hubs, options.hubs).await?;
    let memory_after = machine::memory_bytes(server.pid())?;
    drop(hubs);

    let create = create_streams("update", UPDATES);
    let create_rate = load::each_once(target, &credentials, "/createStream", &create).await?;
    let describe_rate =
        load::for_a_time(target, &credentials, "/describeStream", &describe, time).await?;
    let update = (0..UPDATES).map(|index| {
        let hub = options.hubs + index;
        Bytes::from(edge_configuration(&format!("update-{index}"), hub).to_string())
    });
    let path = "/startEdgeConfigurationUpdate";
    let update_rate =
        load::each_once(target, &credentials, path, &Arc::new(update.collect())).await?;

    Ok(page(&Figures {
        processor,
        cores,
        kernel: machine::kernel()?,
        load_average: machine::load_average()?,
        seconds: options.seconds,
        hubs: options.hubs,
        hello_rate,
        describe_rate,
        create_rate,
        update_rate,
        syncs_per_second,
        receipts,
        idle_hub_bytes: memory_after.saturating_sub(memory_before) / options.hubs as u64,
        memory_bytes: memory_after,
    }))
}

fn describe_streams(count: usize) -> Arc<Vec<Bytes>> {
    let body = |index| Bytes::from(json!({"StreamName": format!("gate-{index}")}).to_string());
    Arc::new((0..count).map(body).collect())
}

fn create_streams(name: &str, count: usize) -> Arc<Vec<Bytes>> {
    let body = |index| {
        let input = json!({"StreamName": format!("{name}-{index}"), "DataRetentionInHours": 24});
        Bytes::from(input.to_string())
    };
    Arc::new((0..count).map(body).collect())
}

/// From the call of StartEdgeConfigurationUpdate to the hub's receipt, sorted.
async fn receipts(
    server: &Server,
    credentials: &Arc<Credentials>,
    hubs: &mut Hubs,
    count: usize,
) -> Outcome<Vec<Duration>> {
    let mut caller = Caller::connect(server.address, credentials).await?;
    let mut receipts = Vec::with_capacity(RECEIPTS);
    for turn in 0..RECEIPTS {
        // Another hub each time, in an order that jumps about.
        let hub = turn * 389 % count;
        let input = edge_configuration(&format!("gate-{hub}"), hub);
        let begun = Instant::now();
        caller.json("/startEdgeConfigurationUpdate", &input).await?;
        receipts.push(hubs.receipt(hub).await? - begun);
    }
    receipts.sort_unstable();
    Ok(receipts)
}
