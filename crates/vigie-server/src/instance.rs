//! An instance of the service: its rooms, over engines, a clock, chance and a runtime that it is given. It listens to nothing
//! and opens nothing. The program's server is one with a listener, a folder and TLS around it; a simulation has several.
//!
//! Decides nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::{Request, Response};
use vigie_engine::chance::Chance;
use vigie_engine::clock::Clock;

use crate::age_hold::ServerAgeHold;
use crate::app::App;
use crate::auth::MasterKey;
use crate::config::ServerConfig;
use crate::db::DbError;
use crate::engines::Engines;
use crate::http;
use crate::http::body::{RequestBody, ResponseBody};
use crate::process::Process;
use crate::runtime::Runtime;

/// The world as an instance meets it.
pub struct Seams {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Numbers that nobody can guess.
    pub chance: Box<dyn Chance>,
    /// Who runs its tasks.
    pub runtime: Arc<dyn Runtime>,
}

pub struct Instance {
    app: Arc<App>,
}

impl Instance {
    /// Makes the rooms. The engines may be other instances' as well.
    pub async fn open(
        config: ServerConfig,
        engines: Engines,
        seams: Seams,
        master_key: MasterKey,
    ) -> Result<Self, DbError> {
        let Seams { clock, chance, runtime } = seams;
        let age_hold = ServerAgeHold::open(engines.db.as_ref(), clock.now()).await?;
        let process = Process::new(clock, age_hold, chance, runtime);
        Ok(Self { app: Arc::new(App::new(config, process, engines, master_key)) })
    }

    /// Begins what no call waits for: deadlines, retention, unfinished deletions.
    pub fn start_background(&self) {
        self.app.background.start();
    }

    /// Answers a request as its listener does. The body of the answer may come while that of the request still does.
    pub fn answer(
        &self,
        remote: SocketAddr,
        request: Request<RequestBody>,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + use<> {
        let app = Arc::clone(&self.app);
        async move { http::answer(app, remote, request).await }
    }

    /// Ends its tasks in order: nothing new is begun, and what was acknowledged is finished.
    pub async fn stop(&self) {
        self.app.process.stop();
        self.app.process.tasks_ended().await;
    }

    pub(crate) const fn app(&self) -> &Arc<App> {
        &self.app
    }
}
