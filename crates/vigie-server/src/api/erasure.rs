//! What is destroyed when a stream or its edge configuration is deleted while its hub holds media that was never uploaded.
//!
//! Deleting means what it means with KVS, and asks nobody: DeleteEdgeConfiguration deletes the media on the edge device,
//! DeleteStream the stream and its data, so that nothing is left to upload to. What is counted here is the loss: in the
//! audit log with the call that asks for it, and in log, audit log and ledger when the hub has erased.

use vigie_engine::hub_sync::Transition;
use vigie_kvs::shapes::media_ledger::{
    LedgerEntry, LedgerKind, LedgerReport, LossTotals, MediaGapReason, MediaRange,
};
use vigie_kvs::shapes::sync_edge_agent::{LocalMedia, SyncEdgeAgentInput};

use super::Call;
use super::stored_json::from_json;
use crate::db::{EdgeConfiguration, MediaLedger, MetadataDb, StreamKey, StreamStatus};
use crate::failure::Answer;

/// What a hub erased of a stream.
pub(super) struct Erasure {
    stream_arn: String,
    stream_name: String,
    hub_device_arn: String,
    revision: u64,
    lost: LossTotals,
    ranges: Vec<MediaRange>,
}

/// Notes at a call that deletes what the hub last said that only it has.
pub(super) fn foretell(call: &Call, row: &EdgeConfiguration) -> Answer<()> {
    let lost_bytes = last_said(row)?.0.size_bytes;
    if lost_bytes > 0 {
        call.not_uploaded_bytes.get_or_init(|| lost_bytes);
        tracing::warn!(
            stream = row.stream_name,
            hub = row.hub_device_arn,
            size_bytes = lost_bytes,
            "the hub is to erase media that was never uploaded"
        );
    }
    Ok(())
}

/// The erasures that a hub reports, of configurations that go with it.
pub(super) fn of(
    rows: &[EdgeConfiguration],
    transitions: &[Transition],
    input: &SyncEdgeAgentInput,
) -> Answer<Vec<Erasure>> {
    let mut erasures = Vec::new();
    for transition in transitions.iter().filter(|transition| transition.after.is_none()) {
        let is_meant = |row: &&EdgeConfiguration| row.stream_arn == transition.stream_arn;
        let Some(row) = rows.iter().find(is_meant) else { continue };
        let report = input.streams.iter().find(|report| report.stream_arn == row.stream_arn);
        let erased = report.and_then(|report| report.erased_media.as_ref());
        let (lost, ranges) = match erased {
            Some(erased) if erased.fragment_count > 0 => {
                (erased.not_uploaded, erased.not_uploaded_ranges.clone())
            }
            // A hub with a new disk, or an older agent: what the lost one last said is gone.
            _ => last_said(row)?,
        };
        erasures.push(Erasure {
            stream_arn: row.stream_arn.clone(),
            stream_name: row.stream_name.clone(),
            hub_device_arn: row.hub_device_arn.clone(),
            revision: row.sync.revision,
            lost,
            ranges,
        });
    }
    Ok(erasures)
}

impl Erasure {
    fn is_nothing(&self) -> bool {
        self.lost.size_bytes == 0 && self.lost.fragment_count == 0
    }

    /// Enters the loss in the stream's ledger, where that is not deleted with the stream.
    pub(super) async fn enter(&self, db: &dyn MetadataDb) -> Answer<()> {
        let (Some(first), Some(last)) = (self.ranges.first(), self.ranges.last()) else {
            return Ok(());
        };
        let stream = db.stream(StreamKey::Arn(&self.stream_arn)).await?;
        if self.is_nothing() || stream.is_none_or(|one| one.status != StreamStatus::Active) {
            return Ok(());
        }
        let ledger = MediaLedger {
            stream_arn: self.stream_arn.clone(),
            // The hub's own ledger ended with its media; the same erasure has the same name.
            ledger_id: format!("erased-{}", self.revision),
            hub_device_arn: self.hub_device_arn.clone(),
            known_from: first.start_timestamp,
            sequence: 0,
        };
        let entry = |id, kind, range: &MediaRange, lost: LossTotals| LedgerEntry {
            id,
            sequence: id,
            kind,
            reason: MediaGapReason::Erased,
            start_timestamp: range.start_timestamp,
            end_timestamp: range.end_timestamp,
            fragment_count: lost.fragment_count,
            size_bytes: lost.size_bytes,
        };
        let whole = MediaRange {
            start_timestamp: first.start_timestamp,
            end_timestamp: last.end_timestamp,
        };
        let mut entries = vec![entry(1, LedgerKind::Loss, &whole, self.lost)];
        for (range, id) in self.ranges.iter().zip(2..) {
            entries.push(entry(id, LedgerKind::Gap, range, LossTotals::default()));
        }
        Ok(db.take_media_ledger(&ledger, 0, &entries).await?)
    }
}

/// Says them, once they are done: in one line of the audit log, as they were one call of the hub.
pub(super) fn tell(call: &Call, hub_device_arn: &str, erasures: &[Erasure]) {
    let lost: Vec<&Erasure> = erasures.iter().filter(|erasure| !erasure.is_nothing()).collect();
    for erasure in &lost {
        tracing::warn!(
            stream = erasure.stream_name,
            hub = hub_device_arn,
            fragments = erasure.lost.fragment_count,
            size_bytes = erasure.lost.size_bytes,
            "media that was never uploaded is gone with its hub's copy"
        );
    }
    let resource = match lost.as_slice() {
        [] => return,
        [one] => &one.stream_arn,
        _ => hub_device_arn,
    };
    let bytes = lost.iter().map(|erasure| erasure.lost.size_bytes).fold(0, u64::saturating_add);
    call.not_uploaded_bytes.get_or_init(|| bytes);
    call.audit(resource);
}

/// What of a stream only its hub had when it last called.
fn last_said(row: &EdgeConfiguration) -> Answer<(LossTotals, Vec<MediaRange>)> {
    let media: Option<LocalMedia> = from_json(row.local_media_json.as_deref())?;
    let ledger: Option<LedgerReport> = from_json(row.ledger_json.as_deref())?;
    let bytes = media.and_then(|media| u64::try_from(media.not_uploaded_bytes).ok());
    // The hub says its bytes alone.
    let lost = LossTotals { fragment_count: 0, size_bytes: bytes.unwrap_or(0) };
    Ok((lost, ledger.map(|ledger| ledger.not_uploaded).unwrap_or_default()))
}
