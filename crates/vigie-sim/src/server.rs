//! The server's decisions without its sockets: hub link, PutMedia, ListFragments, over a store on a simulated disk.
//!
//! What is decided is the product's own code (`vigie_engine::hub_link` and `sync`, `vigie_server::ingest`); only the
//! moving of bytes is simulated. The metadata database counts as durable.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vigie_agent::core::Session;
use vigie_engine::clock::Now;
use vigie_engine::hub_link::{self, HubConfiguration, Reply, Transition};
use vigie_engine::hub_request::{AskError, Outcome, ServerRequests};
use vigie_engine::sync::{self, EdgeSync, Event as SyncEvent, Refusal};
use vigie_kvs::FragmentNumber;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent, ErrorId};
use vigie_kvs::shapes::archived_media;
use vigie_kvs::shapes::edge::EdgeConfig;
use vigie_kvs::shapes::hub_request::{CameraAddress, HubRequest};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerReceipt};
use vigie_kvs::shapes::sync_edge_agent::{ErasedMedia, SyncEdgeAgentInput, SyncEdgeAgentOutput};
use vigie_media::Timestamp;
use vigie_server::ingest::{
    AppendFailure, IngestRules, IngestSession, IngestedFragment, Output, SessionSettings,
    TimecodeBase,
};
use vigie_store::{
    FragmentMeta, FragmentOrder, FragmentQuery, RecoveryReport, Store, StoreError, StoreReader,
    StoreSettings, WholeFragment,
};

use crate::chance::SimChance;
use crate::disk::SimDisk;
use crate::hub::HUB_DEVICE_ARN;
use crate::index::SimIndex;
use crate::retention::Retention;

/// The secret of every camera, and what it holds at first.
pub const SECRET_ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate-AbCdEf";
const SECRET: &str = r#"{"MediaURI":"rtsp://user:password@camera/cam0"}"#;

const MEDIA: &str = "/server/media";
const SEQUENCES_PER_RESERVATION: u64 = 100;

/// One PutMedia connection.
struct Connection {
    session: Session,
    ingest: IngestSession,
    /// Given to the store and not committed, oldest first.
    pending: Vec<(FragmentNumber, i64)>,
    /// The producer is gone: acknowledgements go nowhere.
    is_cut: bool,
}

/// What a connection wants to say.
#[derive(Debug)]
pub enum Said {
    /// To the producer.
    Acknowledged(Session, Acknowledgement),
    /// The answer ended.
    Closed(Session),
}

/// Says for a fragment's timecode, in milliseconds, with which error it is refused, if it is.
pub type Refuse = Box<dyn FnMut(i64) -> Option<ErrorId>>;

/// The answer to a SyncEdgeAgent request, by its number.
pub type SyncAnswer = (u64, SyncEdgeAgentOutput);

/// A SyncEdgeAgent request that is held.
struct Held {
    request: u64,
    input: SyncEdgeAgentInput,
    until: Now,
}

/// The server.
pub struct SimServer {
    /// Its disk.
    pub disk: SimDisk,
    /// The index of its store.
    pub index: SimIndex,
    store: Option<Store>,
    retention: Option<Retention>,
    chance: SimChance,
    configurations: Vec<HubConfiguration>,
    connections: Vec<Connection>,
    held: Option<Held>,
    /// What hubs are asked; lost with the process.
    requests: ServerRequests,
    /// What came of what was asked, in order; callers of a process that ended heard nothing.
    pub outcomes: Vec<(String, Outcome)>,
    /// The value of the camera's secret. It survives everything.
    secret_string: String,
    secret_revision: u64,
    /// What connections have to keep to.
    pub rules: IngestRules,
    /// Whole fragments that are not taken; each ends its connection.
    pub refuse: Refuse,
    /// Every ERROR acknowledgement that a producer was sent, when, and about which timecode.
    pub errors_said: Vec<(Now, ErrorId, Option<i64>)>,
    /// The hub's ledger, as it was reported: entries by id, and up to which change. It survives everything.
    pub ledger: (BTreeMap<u64, LedgerEntry>, u64),
    /// What the hub said that it erases or has erased: each different word once, in order.
    pub erased: Vec<ErasedMedia>,
    /// Every fragment that was called persisted, by sequence: none may ever be missing.
    pub called_persisted: BTreeMap<u64, Timestamp>,
}

impl SimServer {
    /// A server on an empty disk.
    pub fn new(
        disk: SimDisk,
        index: SimIndex,
        chance: SimChance,
        now: Now,
    ) -> Result<Self, StoreError> {
        let mut server = Self {
            disk,
            index,
            store: None,
            retention: None,
            chance,
            configurations: Vec::new(),
            connections: Vec::new(),
            held: None,
            requests: ServerRequests::default(),
            outcomes: Vec::new(),
            secret_string: SECRET.to_owned(),
            secret_revision: 1,
            rules: IngestRules::KVS,
            refuse: Box::new(|_| None),
            errors_said: Vec::new(),
            ledger: (BTreeMap::new(), 0),
            erased: Vec::new(),
            called_persisted: BTreeMap::new(),
        };
        server.start(now)?;
        Ok(server)
    }

    /// From now on media is kept for so long after it was received; without this, for ever.
    pub fn keep_for(&mut self, kept: Duration, now: Now) {
        self.retention = Some(Retention::new(kept, now));
    }

    /// Opens the store again.
    pub fn start(&mut self, now: Now) -> Result<RecoveryReport, StoreError> {
        let disk = Arc::new(self.disk.clone());
        let index = Box::new(self.index.clone());
        let settings = StoreSettings { free_bytes_reserve: 0, ..StoreSettings::SERVER };
        let (mut store, report) = Store::open(disk, PathBuf::from(MEDIA), index, settings)?;
        while store.is_searching_orphans() {
            store.search_orphans(100)?;
        }
        self.store = Some(store);
        if let Some(retention) = &mut self.retention {
            retention.start(now);
        }
        Ok(report)
    }

    /// The process is gone, with everything that was only in memory.
    pub fn stop(&mut self) {
        self.store = None;
        self.connections.clear();
        self.held = None;
        self.requests = ServerRequests::default();
    }

    /// Whether it answers.
    pub fn is_up(&self) -> bool {
        self.store.is_some()
    }

    /// Whether a producer is connected, or what one gave waits for its commit.
    pub fn is_ingesting(&self) -> bool {
        self.connections.iter().any(|one| !one.is_cut || !one.pending.is_empty())
    }

    /// Reads what is persisted.
    pub fn reader(&self) -> Option<StoreReader> {
        self.store.as_ref().map(Store::reader)
    }

    /// The sync of a stream's configuration.
    pub fn sync(&self, stream_arn: &str) -> Option<&EdgeSync> {
        let configuration = self.configurations.iter().find(|c| c.stream_arn == stream_arn)?;
        Some(&configuration.sync)
    }

    /// PutSecretValue.
    pub fn put_secret(&mut self, secret_string: &str) {
        self.secret_string = secret_string.to_owned();
        self.secret_revision += 1;
    }

    /// GetSecretValue.
    pub fn secret_string(&self) -> &str {
        &self.secret_string
    }

    /// TestCamera, by the camera's secret. What comes of it is in [`SimServer::outcomes`].
    pub fn test_camera(&mut self, id: &str, caller: &str, now: Now) -> Result<(), AskError> {
        let address = CameraAddress {
            media_uri_secret_arn: Some(SECRET_ARN.into()),
            ..CameraAddress::default()
        };
        let request = HubRequest {
            request_id: id.to_owned(),
            timeout_seconds: 30,
            test_camera: Some(address),
        };
        self.requests.ask(HUB_DEVICE_ARN, caller, request, now.mono)
    }

    /// StartEdgeConfigurationUpdate.
    pub fn start_update(
        &mut self,
        stream_arn: &str,
        edge_config: EdgeConfig,
        now: Now,
    ) -> Result<(), Refusal> {
        match self.configurations.iter_mut().find(|c| c.stream_arn == stream_arn) {
            Some(configuration) => {
                let event = SyncEvent::StartUpdate { same_hub: true };
                if let Some(sync) = sync::step(configuration.sync.clone(), event, now.wall)? {
                    configuration.sync = sync;
                    configuration.edge_config = edge_config;
                }
            }
            None => self.configurations.push(HubConfiguration {
                stream_name: "gate".to_owned(),
                stream_arn: stream_arn.to_owned(),
                sync: EdgeSync::start(now.wall),
                edge_config,
                secret_revision: None,
            }),
        }
        Ok(())
    }

    /// DeleteEdgeConfiguration.
    pub fn delete_configuration(&mut self, stream_arn: &str, now: Now) -> Result<(), Refusal> {
        self.step_all(
            |configuration| configuration.stream_arn == stream_arn,
            &SyncEvent::Delete,
            now,
        )
    }

    fn step_all(
        &mut self,
        wanted: impl Fn(&HubConfiguration) -> bool,
        event: &SyncEvent,
        now: Now,
    ) -> Result<(), Refusal> {
        let mut kept = Vec::new();
        for mut configuration in std::mem::take(&mut self.configurations) {
            if wanted(&configuration) {
                match sync::step(configuration.sync.clone(), event.clone(), now.wall)? {
                    Some(sync) => configuration.sync = sync,
                    None => continue,
                }
            }
            kept.push(configuration);
        }
        self.configurations = kept;
        Ok(())
    }

    /// SyncEdgeAgent: the answer, unless it is held. A newer request of the hub replaces the held one.
    pub fn sync_edge_agent(
        &mut self,
        request: u64,
        input: SyncEdgeAgentInput,
        now: Now,
    ) -> Option<SyncAnswer> {
        let (ledgers, is_owed) = self.take_ledgers(&input);
        for erased in input.streams.iter().filter_map(|report| report.erased_media.as_ref()) {
            if self.erased.last() != Some(erased) {
                self.erased.push(erased.clone());
            }
        }
        self.outcomes.extend(self.requests.heard(&input, now.mono));
        let (requests, is_asked) = (self.requests.told(&input), self.requests.is_news(&input));
        for configuration in &mut self.configurations {
            configuration.secret_revision = Some(self.secret_revision.to_string());
        }
        let answer = hub_link::answer(&self.configurations, &input, now.wall);
        let (transitions, reply) = (answer.transitions, answer.reply);
        for transition in transitions {
            self.store_transition(transition);
        }
        match reply {
            Reply::Now(output) => {
                self.held = None;
                Some((request, SyncEdgeAgentOutput { ledgers, requests, ..output }))
            }
            Reply::Hold { cursor, .. } if is_owed || is_asked => {
                self.held = None;
                let output = hub_link::nothing_new(cursor);
                Some((request, SyncEdgeAgentOutput { ledgers, requests, ..output }))
            }
            Reply::Hold { wait, .. } => {
                let until = Now { wall: now.wall + wait, mono: now.mono + wait };
                self.held = Some(Held { request, input, until });
                None
            }
        }
    }

    /// Keeps what is new of the stream's ledger, as the product's server does.
    fn take_ledgers(&mut self, input: &SyncEdgeAgentInput) -> (Vec<LedgerReceipt>, bool) {
        let mut receipts = Vec::new();
        let mut is_owed = false;
        for (stream_arn, report) in
            input.streams.iter().filter_map(|one| Some((&one.stream_arn, one.ledger.as_ref()?)))
        {
            let (entries, sequence) = &mut self.ledger;
            if report.after.is_some_and(|after| after <= *sequence) {
                for entry in report.entries.iter().filter(|entry| entry.sequence > *sequence) {
                    entries.insert(entry.id, entry.clone());
                }
                let newest = report.entries.iter().map(|entry| entry.sequence).max();
                *sequence = newest.unwrap_or(0).max(*sequence);
            }
            is_owed |= !report.entries.is_empty() || *sequence < report.sequence;
            receipts.push(LedgerReceipt {
                stream_arn: stream_arn.clone(),
                ledger_id: report.ledger_id.clone(),
                sequence: *sequence,
            });
        }
        (receipts, is_owed)
    }

    fn store_transition(&mut self, transition: Transition) {
        let Transition { stream_arn, before, after } = transition;
        let at =
            self.configurations.iter().position(|c| c.stream_arn == stream_arn && c.sync == before);
        match (at, after) {
            (Some(at), Some(after)) => self.configurations[at].sync = after,
            (Some(at), None) => {
                self.configurations.remove(at);
            }
            (None, _) => {}
        }
    }

    /// Deadlines, the held request, silence and the group commit.
    pub fn tick(&mut self, now: Now) -> Result<(Option<SyncAnswer>, Vec<Said>), StoreError> {
        // A tick is legal in every state: no refusal can come of it.
        let ticked = self.step_all(|_| true, &SyncEvent::Tick, now);
        debug_assert!(ticked.is_ok());
        self.outcomes.extend(self.requests.tick(now.mono));
        let answered = match self.held.take() {
            None => None,
            Some(held) => match self.sync_edge_agent(held.request, held.input.clone(), now) {
                Some(answer) => Some(answer),
                None if now.mono >= held.until.mono => {
                    let input = SyncEdgeAgentInput { wait_seconds: 0, ..held.input };
                    self.held = None;
                    self.sync_edge_agent(held.request, input, now)
                }
                None => {
                    self.held = Some(held);
                    None
                }
            },
        };
        for connection in &mut self.connections {
            connection.ingest.tick(now);
        }
        let said = self.commit(now)?;
        if let (Some(retention), Some(store)) = (&mut self.retention, &mut self.store) {
            retention.tick(store, now)?;
        }
        Ok((answered, said))
    }

    /// PutMedia begins: the newest connection wins, and what the older one had given is finished first.
    pub fn open_connection(&mut self, session: Session, now: Now) -> Result<Vec<Said>, StoreError> {
        for connection in &mut self.connections {
            connection.ingest.end();
            connection.is_cut = true;
        }
        let said = self.commit(now)?;
        self.connections.clear();
        let settings = SessionSettings {
            timecode_base: TimecodeBase::Epoch,
            acknowledge: true,
            retains_media: true,
            rules: self.rules,
        };
        self.connections.push(Connection {
            session,
            ingest: IngestSession::new(settings, now),
            pending: Vec::new(),
            is_cut: false,
        });
        Ok(said)
    }

    /// Bytes of a body; those of a connection that is gone are dropped.
    pub fn receive(
        &mut self,
        session: &Session,
        bytes: &Bytes,
        now: Now,
    ) -> Result<Vec<Said>, StoreError> {
        self.with_connection(session, now, |ingest| ingest.push(bytes, now))
    }

    /// The end of a body.
    pub fn end_of_body(&mut self, session: &Session, now: Now) -> Result<Vec<Said>, StoreError> {
        self.with_connection(session, now, IngestSession::end_of_body)
    }

    /// The connection broke.
    pub fn cut(&mut self, session: &Session, now: Now) -> Result<Vec<Said>, StoreError> {
        for connection in self.connections.iter_mut().filter(|c| c.session == *session) {
            connection.is_cut = true;
        }
        self.with_connection(session, now, IngestSession::read_failed)
    }

    fn with_connection(
        &mut self,
        session: &Session,
        now: Now,
        change: impl FnOnce(&mut IngestSession),
    ) -> Result<Vec<Said>, StoreError> {
        let mut said = Vec::new();
        let Some(at) = self.connections.iter().position(|c| c.session == *session) else {
            return Ok(said);
        };
        change(&mut self.connections[at].ingest);
        self.take_outputs(at, now, &mut said)?;
        Ok(said)
    }

    /// Moves what a connection puts out; it stays until all that it gave to the store is committed.
    fn take_outputs(
        &mut self,
        at: usize,
        now: Now,
        said: &mut Vec<Said>,
    ) -> Result<(), StoreError> {
        let Some(store) = &mut self.store else { return Ok(()) };
        let connection = &mut self.connections[at];
        let key = store_key(&connection.session.stream);
        while let Some(output) = connection.ingest.next_output(now, &mut self.chance) {
            match output {
                Output::Acknowledge(acknowledgement) if !connection.is_cut => {
                    if let AcknowledgementEvent::Error(error) = acknowledgement.event {
                        let about = acknowledgement.fragment_timecode_ms;
                        self.errors_said.push((now, error, about));
                    }
                    said.push(Said::Acknowledged(connection.session.clone(), acknowledgement));
                }
                Output::Acknowledge(_) => {}
                Output::NeedSequences => {
                    let sequences = store.reserve_sequences(key, SEQUENCES_PER_RESERVATION)?;
                    connection.ingest.give_sequences(sequences);
                }
                Output::Append(ingested) => {
                    let number = ingested.number;
                    let timecode_ms = ingested.fragment.timecode_ms;
                    if let Some(error) = (self.refuse)(timecode_ms) {
                        let session = connection.session.clone();
                        connection.ingest.end();
                        if !std::mem::replace(&mut connection.is_cut, true) {
                            self.errors_said.push((now, error, Some(timecode_ms)));
                            let event = AcknowledgementEvent::Error(error);
                            let refusal = Acknowledgement::of(event, timecode_ms, number);
                            said.push(Said::Acknowledged(session.clone(), refusal));
                            said.push(Said::Closed(session));
                        }
                        return Ok(());
                    }
                    append(store, key, *ingested)?;
                    connection.pending.push((number, timecode_ms));
                }
                Output::Close if !connection.is_cut => {
                    connection.is_cut = connection.pending.is_empty();
                    if connection.is_cut {
                        said.push(Said::Closed(connection.session.clone()));
                    }
                }
                Output::Close => {}
            }
        }
        Ok(())
    }

    /// The group commit, and what it makes of the connections.
    fn commit(&mut self, now: Now) -> Result<Vec<Said>, StoreError> {
        let mut said = Vec::new();
        let Some(store) = &mut self.store else { return Ok(said) };
        let report = store.commit()?;
        for persisted in &report.persisted {
            let entry = &persisted.entry;
            self.called_persisted.insert(entry.sequence, entry.producer_timestamp);
        }
        for at in 0..self.connections.len() {
            for (number, timecode_ms) in std::mem::take(&mut self.connections[at].pending) {
                let is_persisted =
                    report.persisted.iter().any(|done| done.entry.sequence == number.sequence());
                let result = if is_persisted { Ok(()) } else { Err(AppendFailure::Store) };
                self.connections[at].ingest.append_finished(number, timecode_ms, result);
            }
            self.take_outputs(at, now, &mut said)?;
        }
        Ok(said)
    }

    /// ListFragments by producer timestamps.
    pub fn list(
        &self,
        stream_arn: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<archived_media::Fragment>, StoreError> {
        let Some(reader) = self.reader() else { return Ok(Vec::new()) };
        let query = FragmentQuery::producer_range(from, until, usize::MAX);
        let fragments = reader.fragments(store_key(stream_arn), &query)?;
        Ok(fragments.iter().map(|fragment| listed(&fragment.entry)).collect())
    }

    /// Every persisted fragment of a stream, in the order of ingestion.
    pub fn fragments(&self, stream_arn: &str) -> Result<Vec<vigie_store::Fragment>, StoreError> {
        let Some(reader) = self.reader() else { return Ok(Vec::new()) };
        let query = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
        reader.fragments(store_key(stream_arn), &query)
    }
}

/// The part of a stream's ARN that its media is filed under.
pub fn store_key(stream_arn: &str) -> &str {
    stream_arn.rsplit(":stream/").next().unwrap_or(stream_arn)
}

fn append(store: &mut Store, key: &str, ingested: IngestedFragment) -> Result<(), StoreError> {
    let IngestedFragment { number, number_tail, header, fragment, .. } = ingested;
    let whole = WholeFragment {
        meta: FragmentMeta {
            sequence: number.sequence(),
            producer_timestamp: ingested.producer_timestamp,
            server_timestamp: ingested.server_timestamp,
            timecode_ms: fragment.timecode_ms,
            number_tail,
            key: ingested.key,
        },
        duration_ms: u32::try_from(fragment.duration_ms).unwrap_or(0),
        frame_count: fragment.frame_count,
        bytes: fragment.bytes,
        crc32c: fragment.crc32c,
    };
    store.append_fragment(key, &header.raw, &whole)?;
    Ok(())
}

fn listed(entry: &vigie_store::FragmentEntry) -> archived_media::Fragment {
    let number = FragmentNumber::new(entry.sequence, entry.server_timestamp, entry.number_tail);
    archived_media::Fragment {
        fragment_number: number,
        fragment_size_in_bytes: entry.size_bytes as i64,
        producer_timestamp: entry.producer_timestamp,
        server_timestamp: entry.server_timestamp,
        fragment_length_in_milliseconds: i64::from(entry.duration_ms),
    }
}
