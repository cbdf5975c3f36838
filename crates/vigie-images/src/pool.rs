//! The decoders' processes, as the server sees them: a few, started when they are needed, ended when they are not.
//!
//! A process answers one request at a time. One that is late, ends, or answers nonsense is ended, and the frames it had
//! not answered are called broken: by then it is most likely that they are what was wrong. Media that came to grief
//! in a process that had worked before is tried once more in a new one, for the fault may have been the process's.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::protocol::{ImageError, REPLY_BYTES_MAX, Reply, Request, read_reply};

/// No further image of a request is taken once it has so many bytes of them: they are all in memory at once.
pub const IMAGES_BYTES_MAX: usize = 8 << 20;

/// How decoders are started and bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// The program that runs [`crate::child::run`].
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// Processes at once.
    pub processes_max: usize,
    /// How long one may take over a request.
    pub deadline: Duration,
    /// A process that nobody has needed for so long is ended.
    pub idle: Duration,
}

#[derive(Debug)]
pub struct DecoderPool {
    settings: PoolSettings,
    free: Semaphore,
    /// Those that wait for work, the one that worked last at the end.
    idle: Mutex<Vec<(Process, Instant)>>,
}

impl DecoderPool {
    /// Starts nothing yet.
    pub fn new(settings: PoolSettings) -> Self {
        let free = Semaphore::new(settings.processes_max.max(1));
        Self { settings, free, idle: Mutex::default() }
    }

    /// How many requests are worked on at once.
    pub fn processes_max(&self) -> usize {
        self.settings.processes_max.max(1)
    }

    /// One reply for each wanted frame, in their order. An error when no process can be started.
    pub async fn images(&self, request: &Request) -> io::Result<Vec<Reply>> {
        let wanted = request.wanted();
        let Ok(wire) = request.to_wire() else {
            let reason = "its frames are more than a decoder takes at once".to_owned();
            return Ok(vec![Err(ImageError::Broken(reason)); wanted]);
        };
        // Never closed.
        let Ok(_permit) = self.free.acquire().await else { return Ok(Vec::new()) };
        let mut replies = Vec::with_capacity(wanted);
        let mut worked_before = self.take_idle();
        loop {
            let is_new = worked_before.is_none();
            let process = match worked_before.take() {
                Some(process) => process,
                None => Process::start(&self.settings)?,
            };
            match self.ask(process, request, &wire, &mut replies).await {
                Ok(process) => {
                    self.idle().extend(process.map(|process| (process, Instant::now())));
                    replies.resize(wanted, Err(ImageError::NotReached));
                    return Ok(replies);
                }
                Err(_) if !is_new => replies.clear(),
                Err(reason) => {
                    replies.resize(wanted, Err(ImageError::Broken(reason.to_owned())));
                    return Ok(replies);
                }
            }
        }
    }

    /// Ends the processes that have not been needed for long enough; says whether others wait for work.
    pub fn end_idle(&self) -> bool {
        let idle = self.settings.idle;
        let mut processes = self.idle();
        processes.retain(|(_, since)| since.elapsed() < idle);
        !processes.is_empty()
    }

    /// How long a process waits before [`Self::end_idle`] may end it.
    pub fn idle_time(&self) -> Duration {
        self.settings.idle
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Process, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_idle(&self) -> Option<Process> {
        let mut idle = self.idle();
        while let Some((mut process, _)) = idle.pop() {
            if let Ok(None) = process.child.try_wait() {
                return Some(process);
            }
        }
        None
    }

    /// Puts a request to a process; gives the process back when it may be put another one, nothing when it was ended
    /// because its images are enough, else says why it was ended.
    async fn ask(
        &self,
        mut process: Process,
        request: &Request,
        wire: &[Bytes],
        replies: &mut Vec<Reply>,
    ) -> Result<Option<Process>, &'static str> {
        let deadline = Instant::now() + self.settings.deadline;
        let result = timeout_at(deadline, process.answers(request, wire, replies)).await;
        let ended = match result {
            Ok(Ok(())) if replies.len() == request.wanted() => return Ok(Some(process)),
            Ok(Ok(())) => Ok(None),
            Ok(Err(reason)) => Err(reason),
            Err(_) => Err("the decoder was late"),
        };
        process.end().await;
        ended
    }
}

/// A decoder. Dropping it kills it.
#[derive(Debug)]
struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Process {
    fn start(settings: &PoolSettings) -> io::Result<Self> {
        let mut child = Command::new(&settings.program)
            .args(&settings.arguments)
            // Nothing of the server's environment, which may hold its secrets.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            // Out of reach of the terminal's signals: a request under way is finished when the server is asked to stop.
            .process_group(0)
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, output }),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn answers(
        &mut self,
        request: &Request,
        wire: &[Bytes],
        replies: &mut Vec<Reply>,
    ) -> Result<(), &'static str> {
        const ENDED: &str = "the decoder ended over it";
        const NONSENSE: &str = "the decoder answered nonsense";
        for piece in wire {
            self.input.write_all(piece).await.map_err(|_| ENDED)?;
        }
        self.input.flush().await.map_err(|_| ENDED)?;
        let mut images_bytes = 0;
        while replies.len() < request.wanted() && images_bytes < IMAGES_BYTES_MAX {
            let length = self.output.read_u32().await.map_err(|_| ENDED)? as usize;
            if length > REPLY_BYTES_MAX {
                return Err(NONSENSE);
            }
            let mut reply = Vec::new();
            (&mut self.output)
                .take(length as u64)
                .read_to_end(&mut reply)
                .await
                .map_err(|_| ENDED)?;
            if reply.len() < length {
                return Err(ENDED);
            }
            images_bytes += reply.len();
            let reply = read_reply(reply.into(), request.form.format);
            replies.push(reply.map_err(|_| NONSENSE)?);
        }
        Ok(())
    }

    async fn end(mut self) {
        // It is gone or going; what cannot be killed is killed again when it is dropped.
        if self.child.kill().await.is_err() {
            drop(self);
        }
    }
}
