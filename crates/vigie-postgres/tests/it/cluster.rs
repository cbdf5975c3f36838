//! A PostgreSQL of our own in a temporary folder, on a Unix socket there. It ends when the test's process does, however that
//! ends, for a shell that waits for the end of its input takes it down.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Tests run as root, which PostgreSQL does not: then as the user that Debian's package makes.
const RUN_AS: &str = "if [ \"$(id -u)\" = 0 ]; then \
                      as='setpriv --reuid=postgres --regid=postgres --clear-groups'; else as=''; fi";

const SETTINGS: &str = "
listen_addresses = ''
max_connections = 200
# What is tested is loss of processes and connections, not of power.
fsync = off
shared_buffers = 32MB
max_wal_size = 4GB
log_line_prefix = '%d '
log_min_messages = error
autovacuum = off
";

pub(crate) struct Cluster {
    folder: PathBuf,
    /// Its input is what keeps the server up.
    shell: Child,
}

fn shell(script: &str, folder: &Path) -> Command {
    let bin = "PATH=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1):$PATH";
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{RUN_AS}; {bin}; cd /; {script}"), "sh"]).arg(folder);
    command
}

fn run(script: &str, folder: &Path) {
    let output = shell(script, folder).output().unwrap();
    let heard = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "is postgresql there (scripts/setup test)? {heard}");
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("vigie-pg-").tempdir().unwrap().keep();
        let made = "[ -n \"$as\" ] && chown postgres: \"$1\"; \
                    $as initdb -D \"$1/data\" -U vigie -A trust -E UTF8 --no-locale --no-sync >/dev/null";
        run(made, &folder);
        let settings = folder.join("data/postgresql.conf");
        let text = std::fs::read_to_string(&settings).unwrap();
        let socket = format!("unix_socket_directories = '{}'\n", folder.display());
        std::fs::write(&settings, format!("{text}{SETTINGS}{socket}")).unwrap();
        // What breaks the tests off tells their whole group; this one has to stay until it has cleaned up.
        let waiting = "trap '' HUP INT TERM; read line; $as pg_ctl -D \"$1/data\" -m immediate -s stop; rm -rf \"$1\"";
        let shell = shell(waiting, &folder).stdin(Stdio::piped()).spawn().unwrap();
        let cluster = Self { folder, shell };
        cluster.up();
        cluster
    }

    /// The folder of its socket.
    pub(crate) fn socket_folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("host={} user=vigie dbname={database}", self.folder.display())
    }

    pub(crate) fn up(&self) {
        run("$as pg_ctl -D \"$1/data\" -l \"$1/data/log\" -s -w start </dev/null", &self.folder);
    }

    /// As if its processes had been killed.
    pub(crate) fn down(&self) {
        run("$as pg_ctl -D \"$1/data\" -m immediate -s stop", &self.folder);
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("data/log")).unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
    }
}
