//! What a kill -9 takes: pictures that the cameras had sent when the recorder died and that are not in its store when it
//! has started again. The kernel's own buffers die with the process, so what it had not read yet counts as lost.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Build, Options, START_MAX, difference, stored, work};
use crate::Outcome;
use crate::agent::recorders::{Agent, Hub};
use crate::source::{PICTURES_PER_SECOND, Source};

/// It is killed between these after the last camera's first frame, at any moment of a fragment and of a commit.
const RECORDED_MIN: Duration = Duration::from_millis(2500);
const RECORDED_SPREAD_MS: u32 = 4000;
/// From its next start until it has recovered and stopped.
const RECOVERY: Duration = Duration::from_secs(1);

/// Seconds of media that each camera lost in each kill, sorted.
pub(super) async fn measure(
    options: &Options,
    hub: &Hub,
    source: &Source,
    build: &Build,
    number: usize,
) -> Outcome<Vec<f64>> {
    let mut losses = Vec::new();
    for turn in 0..options.kills {
        let name = format!("killed-{number}-{turn}");
        losses.extend(kill(hub, source, build, name, options.kill_cameras).await?);
    }
    losses.sort_by(f64::total_cmp);
    Ok(losses)
}

async fn kill(
    hub: &Hub,
    source: &Source,
    build: &Build,
    name: String,
    cameras: usize,
) -> Outcome<Vec<f64>> {
    let work = work(source, name, cameras);
    hub.configure(&work).await?;
    let before = source.sent(cameras);
    let mut agent = Agent::spawn(hub, &build.program, &work)?;
    agent.wait_until_all_record_within(START_MAX).await?;
    // Chance enough: the clock's nanoseconds.
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
    let spread = Duration::from_millis(u64::from(nanos / 1000 % RECORDED_SPREAD_MS));
    tokio::time::sleep(RECORDED_MIN + spread).await;
    agent.kill()?;
    let sent = difference(&source.sent(cameras), &before);
    source.set_closed(true);
    drop(agent);
    let mut agent = Agent::spawn(hub, &build.program, &work)?;
    agent.wait_until_ready(START_MAX).await?;
    tokio::time::sleep(RECOVERY).await;
    agent.stop().await?;
    source.set_closed(false);
    let stored = stored(&work, &agent)?;
    std::fs::remove_dir_all(&agent.data_dir)?;
    let lost = sent.iter().zip(&stored).map(|(sent, stored)| sent.saturating_sub(*stored));
    Ok(lost.map(|pictures| pictures as f64 / PICTURES_PER_SECOND).collect())
}
