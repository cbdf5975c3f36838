//! Leases within one process: of a server that is alone, whose folder nobody else can write to. They go with the process, as
//! do all who could hold one, so that taking one costs no commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use vigie_engine::clock::Clock;

use super::table::Table;
use super::{EndReason, Lease, Leases, Standing, Takeover};
use crate::DbError;

/// See the module's documentation.
pub struct InProcessLeases {
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

impl InProcessLeases {
    /// None is held yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Leases for InProcessLeases {
    async fn claim(
        &self,
        name: &str,
        owner: &str,
        takeover: Takeover,
    ) -> Result<Option<(Lease, Standing)>, DbError> {
        let now = self.clock.now().mono;
        Ok(self.table().claim(name, owner, takeover, now))
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Standing>, DbError> {
        let now = self.clock.now().mono;
        let mut table = self.table();
        Ok(leases.iter().map(|lease| table.renew(lease, now)).collect())
    }

    async fn release(&self, lease: &Lease) -> Result<(), DbError> {
        self.table().release(lease);
        Ok(())
    }

    async fn revoke(&self, name: &str, reason: EndReason) -> Result<u64, DbError> {
        Ok(self.table().revoke(name, reason))
    }

    async fn holder(&self, name: &str) -> Result<Option<(String, u64)>, DbError> {
        let now = self.clock.now().mono;
        Ok(self.table().holder(name, now))
    }
}

#[cfg(test)]
mod tests {
    use vigie_fakes::clock::SimClock;
    use vigie_media::Timestamp;

    use super::*;

    #[tokio::test]
    async fn they_hold_to_the_contract() {
        let clock = Arc::new(SimClock::new(Timestamp::from_millis(0)));
        let open = || -> Arc<dyn Leases> { Arc::new(InProcessLeases::new(clock.clone())) };
        crate::contract::hold_leases(open).await;
    }
}
