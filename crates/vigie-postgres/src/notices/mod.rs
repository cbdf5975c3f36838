//! Notices between all servers of a database, by LISTEN and NOTIFY on one connection and one channel.
//!
//! Whoever listens here is told at once, the others by the database; NOTIFY stands outside of the transaction of what has
//! changed, for it holds one lock of the whole engine through its commit, and is not waited for on the disk. What is told while
//! the connection is away is lost, so that all are told once when it is back.

mod outgoing;
mod payload;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use vigie_metadata::{DbError, InProcessNotices, Notice, Notices, Subscription};

use self::outgoing::Outgoing;
use self::payload::Told;
use crate::database::Database;
use crate::error::Fault;
use crate::patience;

const CHANNEL: &str = "vigie";
/// A hint needs no disk, and no standby.
const SESSION: &str = "-c synchronous_commit=off";

/// The notice engine. Its connection ends with it.
pub struct PostgresNotices {
    here: InProcessNotices,
    outgoing: Arc<Outgoing>,
    listening: JoinHandle<()>,
}

impl PostgresNotices {
    /// Listens from now on.
    pub async fn open(database: &Database) -> Result<Self, DbError> {
        let line = Line {
            config: database.options().config_with(SESSION),
            tls: MakeRustlsConnect::new(rustls::ClientConfig::clone(&database.options().tls)),
            here: InProcessNotices::default(),
            outgoing: Arc::default(),
        };
        let (here, outgoing) = (line.here.clone(), Arc::clone(&line.outgoing));
        let session = line.connect().await.map_err(Fault::into_db_error)?;
        Ok(Self { here, outgoing, listening: tokio::spawn(line.keep(session)) })
    }
}

impl Drop for PostgresNotices {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Notices for PostgresNotices {
    fn publish(&self, notice: &Notice) {
        self.here.publish(notice);
        self.outgoing.add(notice);
    }

    fn subscribe(&self, notices: BTreeSet<Notice>) -> Box<dyn Subscription> {
        self.here.subscribe(notices)
    }
}

struct Line {
    config: Config,
    tls: MakeRustlsConnect,
    here: InProcessNotices,
    outgoing: Arc<Outgoing>,
}

/// A connection that listens, while it lasts.
struct Session {
    client: Client,
    reading: Reading,
}

/// Ends with whoever waits for it.
struct Reading(JoinHandle<()>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Line {
    async fn connect(&self) -> Result<Session, Fault> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let (tell_own, own) = oneshot::channel();
        let reading = Reading(tokio::spawn(read(connection, self.here.clone(), own)));
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await?;
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await?;
        // Gone only where the reading has ended already, which is seen next.
        let _is_read = tell_own.send(row.try_get(0)?).is_ok();
        Ok(Session { client, reading })
    }

    /// For ever: connects again whenever the connection ends.
    async fn keep(self, mut session: Session) {
        loop {
            self.tell(session).await;
            let mut losses = 0;
            session = loop {
                sleep(patience::wait(losses)).await;
                losses += 1;
                match self.connect().await {
                    Ok(session) => break session,
                    Err(fault) => {
                        let error = fault.into_db_error();
                        tracing::warn!(%error, "notices of other servers are not heard; everybody polls");
                    }
                }
            };
            // Whatever was told meanwhile is lost, both ways.
            self.here.publish_all();
            tracing::info!("notices of other servers are heard again");
        }
    }

    /// Tells the others, until the connection ends.
    async fn tell(&self, Session { client, mut reading }: Session) {
        loop {
            let texts = tokio::select! {
                biased;
                _ = &mut reading.0 => return,
                texts = self.outgoing.take() => texts,
            };
            let sql = "SELECT pg_notify($1, text) FROM unnest($2::text[]) AS told (text)";
            if let Err(error) = client.execute(sql, &[&CHANNEL, &texts]).await {
                tracing::debug!(%error, "notices were lost");
                return;
            }
        }
    }
}

/// Hears what others tell, until the connection's end; its first error is that.
async fn read<T>(
    mut connection: Connection<Socket, T>,
    here: InProcessNotices,
    mut own: oneshot::Receiver<i32>,
) where
    T: tokio_postgres::tls::TlsStream + Unpin,
{
    let mut own_process = None;
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        let AsyncMessage::Notification(notification) = message else { continue };
        own_process = own_process.or_else(|| own.try_recv().ok());
        // What this server tells it has heard already.
        if own_process == Some(notification.process_id()) {
            continue;
        }
        match payload::read(notification.payload()) {
            Some(Told::One(notice)) => here.publish(&notice),
            Some(Told::All) => here.publish_all(),
            None => {}
        }
    }
}
