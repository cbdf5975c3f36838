//! How fast the agent uploads what it has stored, beside a bare producer that sends one of its media files from memory.
//!
//! The backlog is recorded from files, which is faster than time; uploading begins when its window opens, at a second
//! that is known, and ends when the last byte is acknowledged as persisted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::cameras::Cameras;
use super::recorders::{Agent, Hub, Work};
use crate::stream_folders::stream_folders;
use crate::{Outcome, machine};

/// Streams at once, and how many seconds of media each has waiting.
const BACKLOGS: [(usize, u32); 2] = [(1, 300), (8, 60)];
/// From the configuration until uploads begin: everything is recorded by then.
const HEAD_START: Duration = Duration::from_secs(12);
const UPLOAD_MAX: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// One sender with so many streams.
pub(crate) struct Row {
    pub(crate) sender: &'static str,
    pub(crate) streams: usize,
    /// Of each stream.
    pub(crate) media_seconds: f64,
    /// Of all streams.
    pub(crate) bytes: f64,
    pub(crate) took: Duration,
    /// The sender's processor time; not known of a sender that is part of this program.
    pub(crate) processor_time: Option<Duration>,
}

pub(crate) async fn measure(hub: &Hub, cameras: &Cameras) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for (streams, seconds) in BACKLOGS {
        let film = cameras.film(hub.folder(), seconds)?;
        let (row, data_dir) = agent(hub, &film, streams, seconds).await?;
        if rows.is_empty() {
            rows.push(floor(hub, &data_dir.join("media"), &row).await?);
        }
        rows.push(row);
        std::fs::remove_dir_all(&data_dir)?;
        std::fs::remove_file(&film)?;
    }
    Ok(rows)
}

async fn agent(hub: &Hub, film: &Path, streams: usize, seconds: u32) -> Outcome<(Row, PathBuf)> {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH)? + HEAD_START;
    let opens_at = Duration::from_secs(since_1970.as_secs());
    let of_day = opens_at.as_secs() % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let work = Work {
        name: format!("uploads-of-{streams}"),
        uris: vec![format!("file://{}", film.canonicalize()?.display()); streams],
        upload: format!("{second} {minute} {hour} * * ?"),
    };
    let mut agent = Agent::start(hub, &work).await?;
    let waiting = recorded(&agent, film, streams, opens_at).await?;
    let (processor_time, begun) = (machine::cpu_time(agent.pid())?, Instant::now());
    loop {
        let uploaded: f64 = agent.metric("uploaded_bytes_total").await?.iter().sum();
        if uploaded >= waiting {
            break;
        }
        if begun.elapsed() > UPLOAD_MAX {
            return Err(format!("{uploaded} of {waiting} bytes are uploaded").into());
        }
        tokio::time::sleep(POLL).await;
    }
    let row = Row {
        sender: "vigie agent",
        streams,
        media_seconds: f64::from(seconds),
        bytes: waiting,
        took: begun.elapsed(),
        processor_time: Some(machine::cpu_time(agent.pid())? - processor_time),
    };
    agent.stop().await?;
    Ok((row, agent.data_dir.clone()))
}

/// Returns when uploads begin, with the bytes that wait for it: all of the film, for each stream.
async fn recorded(agent: &Agent, film: &Path, streams: usize, opens_at: Duration) -> Outcome<f64> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH);
    tokio::time::sleep((opens_at - Duration::from_secs(2)).saturating_sub(now()?)).await;
    let waiting: f64 = agent.metric("upload_lag_bytes").await?.iter().sum();
    let whole = std::fs::metadata(film)?.len() as f64 * streams as f64;
    // The containers differ by a little.
    if waiting < whole * 0.99 {
        return Err(format!("{waiting} of {whole} bytes were recorded in time").into());
    }
    tokio::time::sleep(opens_at.saturating_sub(now()?)).await;
    Ok(waiting)
}

/// The largest of the media files from memory, as fast as the server takes it.
async fn floor(hub: &Hub, media: &Path, of: &Row) -> Outcome<Row> {
    let mut files = Vec::new();
    for folder in stream_folders(media)? {
        for file in std::fs::read_dir(folder)? {
            let file = file?;
            files.push((file.metadata()?.len(), file.path()));
        }
    }
    let (_, largest) = files.into_iter().max().ok_or("the agent has stored nothing")?;
    let document = std::fs::read(largest)?;
    let producer = hub.producer("floor-of-uploads").await?;
    let begun = Instant::now();
    let persisted = producer.send_document(&document).await?;
    if persisted == 0 {
        return Err("nothing of the floor was persisted".into());
    }
    Ok(Row {
        sender: "floor: a bare producer, from memory",
        streams: 1,
        media_seconds: of.media_seconds * document.len() as f64 / of.bytes,
        bytes: document.len() as f64,
        took: begun.elapsed(),
        processor_time: None,
    })
}
