//! A child process of the benchmark, ended with it.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::Outcome;

const STOP_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// A child that ends with this value.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) -> Outcome<()> {
        self.0.kill()?;
        Ok(())
    }

    /// SIGTERM, and waits.
    pub(crate) async fn stop(&mut self) -> Outcome<()> {
        let done = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if !done.success() {
            return Err(format!("kill: {done}").into());
        }
        let deadline = Instant::now() + STOP_MAX;
        while self.0.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err("a recorder does not stop".into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It is the benchmark's own; that it has ended already does no harm.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
