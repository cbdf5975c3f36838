//! The processes that are measured: each on one core, ended with the benchmark.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;

use crate::{Outcome, client};

/// The core of what is measured; the load runs on the others.
pub(crate) const CORE: &str = "0";
const STOP_MAX: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is the benchmark's own; that it has ended already does no harm.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it in order, so that another can go on with its folder.
    pub(crate) async fn stop(mut self) -> Outcome<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let deadline = Instant::now() + STOP_MAX;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err("the server does not stop".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// The floor: this program's own bare server.
    pub(crate) fn hello() -> Outcome<Self> {
        let mut command = on_one_core(&std::env::current_exe()?);
        command.arg("hello");
        Self::own(command)
    }

    /// The floor: this program's own server of one file.
    pub(crate) fn files(path: &Path) -> Outcome<Self> {
        let mut command = on_one_core(&std::env::current_exe()?);
        command.arg("file-server").arg(path);
        Self::own(command)
    }

    /// The floor: this program's own receiver of fragments.
    pub(crate) fn receiver(
        cores: &str,
        folder: &Path,
        fragment_bytes: usize,
        direct: bool,
    ) -> Outcome<Self> {
        let mut command = on_cores(cores, &std::env::current_exe()?);
        command.arg("receive-floor").arg(folder).arg(fragment_bytes.to_string());
        if direct {
            command.arg("--direct");
        }
        Self::own(command)
    }

    /// A server that prints its address.
    fn own(mut command: Command) -> Outcome<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("the floor has no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse()? })
    }

    /// A server with a new data folder, ready, and its root key.
    pub(crate) async fn vigie(program: &Path, folder: &Path) -> Outcome<(Self, Credentials)> {
        Self::vigie_with(program, folder, &[]).await
    }

    /// The same with settings, by their environment variables.
    pub(crate) async fn vigie_with(
        program: &Path,
        folder: &Path,
        settings: &[(&str, &str)],
    ) -> Outcome<(Self, Credentials)> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let data_dir = folder.join("server");
        let mut command = on_one_core(program);
        command.envs(settings.iter().copied());
        Self::started(command, address, &data_dir).await
    }

    /// The same on the cores of the load: it is not what is measured.
    pub(crate) async fn vigie_beside(
        program: &Path,
        folder: &Path,
    ) -> Outcome<(Self, Credentials)> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self::started(command, address, &folder.join("server")).await
    }

    /// The same on these cores.
    pub(crate) async fn vigie_on(
        cores: &str,
        program: &Path,
        folder: &Path,
    ) -> Outcome<(Self, Credentials)> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Self::started(on_cores(cores, program), address, &folder.join("server")).await
    }

    async fn started(
        mut command: Command,
        address: SocketAddr,
        data_dir: &Path,
    ) -> Outcome<(Self, Credentials)> {
        command.args(["--log", "warn", "server", "--listen", &address.to_string(), "--data-dir"]);
        let child = command.arg(data_dir).env_remove("VIGIE_CONFIG").spawn()?;
        let mut server = Self { child, address };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !client::is_ready(address).await {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("the server has ended: {status}").into());
            }
            if Instant::now() > deadline {
                return Err("the server is not ready".into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok((server, root_key(&data_dir.join("credentials"))?))
    }
}

fn root_key(path: &Path) -> Outcome<Credentials> {
    let text = std::fs::read_to_string(path)?;
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        let value = line.and_then(|line| line.split_once(" = ")).map(|(_, value)| value.to_owned());
        value.ok_or_else(|| format!("no {key} in {}", path.display()))
    };
    Ok(Credentials {
        access_key_id: value("aws_access_key_id")?,
        secret_access_key: Sensitive::new(value("aws_secret_access_key")?),
        session_token: None,
    })
}

/// Keeps the load off the core of what is measured. Called before the load begins.
pub(crate) fn leave_the_core(cores: usize) -> Outcome<()> {
    if cores < 2 {
        return Err("one core is not enough: the load would run on that of the server".into());
    }
    run_on(&format!("1-{}", cores - 1))
}

/// Cores of what is measured, as `taskset` lists them, and how many each side has.
pub(crate) struct Halves {
    pub(crate) measured: String,
    pub(crate) measured_count: usize,
    pub(crate) load_count: usize,
}

/// Keeps the load on one half of the cores; returns the other half, for what is measured.
pub(crate) fn leave_half(cores: usize) -> Outcome<Halves> {
    if cores < 2 {
        return Err("one core is not enough: the load would run on that of the server".into());
    }
    let half = cores / 2;
    run_on(&format!("{half}-{}", cores - 1))?;
    let measured = format!("0-{}", half - 1);
    Ok(Halves { measured, measured_count: half, load_count: cores - half })
}

fn run_on(others: &str) -> Outcome<()> {
    let pid = std::process::id().to_string();
    let done = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", others, &pid])
        .stdout(Stdio::null())
        .status()
        .map_err(|error| format!("taskset (package util-linux): {error}"))?;
    if done.success() { Ok(()) } else { Err(format!("taskset: {done}").into()) }
}

pub(crate) fn on_one_core(program: &Path) -> Command {
    on_cores(CORE, program)
}

pub(crate) fn on_cores(cores: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cores]).arg(program).stdin(Stdio::null());
    command
}
