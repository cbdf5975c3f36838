//! A proxy before the database that cuts connections around their COMMIT, by seeded chance: before it goes out, or after, so that
//! nobody hears the answer.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use vigie_engine::chance::Chance;
use vigie_fakes::chance::SimChance;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) cuts: Arc<Cuts>,
}

pub(crate) struct Cuts {
    chance: Mutex<SimChance>,
    per_mille: AtomicU32,
    pub(crate) before: AtomicU32,
    pub(crate) after: AtomicU32,
}

impl Cuts {
    /// From now on all is well.
    pub(crate) fn stop(&self) {
        self.per_mille.store(0, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> u32 {
        self.before.load(Ordering::Relaxed) + self.after.load(Ordering::Relaxed)
    }

    /// `None` to let it through, else whether it still goes out.
    fn draw(&self) -> Option<bool> {
        let mut chance = self.chance.lock().unwrap();
        let is_cut = chance.below(1000) < u64::from(self.per_mille.load(Ordering::Relaxed));
        let goes_out = chance.below(4) > 0;
        let counted = if goes_out { &self.after } else { &self.before };
        is_cut.then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            goes_out
        })
    }
}

impl Proxy {
    pub(crate) async fn start(socket: PathBuf, seed: u64, per_mille: u32) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(Cuts {
            chance: Mutex::new(SimChance::new(seed)),
            per_mille: per_mille.into(),
            before: 0.into(),
            after: 0.into(),
        });
        let shared = Arc::clone(&cuts);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, socket.clone(), Arc::clone(&shared)));
            }
        });
        Self { port, cuts }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("host=127.0.0.1 port={} user=vigie dbname={database} sslmode=disable", self.port)
    }
}

async fn pass(mut client: TcpStream, socket: PathBuf, cuts: Arc<Cuts>) {
    let Ok(mut server) = UnixStream::connect(socket.join(".s.PGSQL.5432")).await else { return };
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let sent = &asked[..length];
                let cut = sent.windows(7).any(|part| part == b"COMMIT\0").then(|| cuts.draw()).flatten();
                if cut != Some(false) && server.write_all(sent).await.is_err() {
                    return;
                }
                if cut.is_some() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
