//! The rooms of a server: each has the seams, the settings and the state that its own work needs, and no more.
//!
//! Decides who shares what. Only the listener and the composition know all rooms; a handler is given its own.

use std::sync::Arc;

use crate::api::{Control, Secrets, Streams};
use crate::audit::Audit;
use crate::auth::{Access, Grants, MasterKey, PolicyCache};
use crate::background::{Background, MediaDeletion};
use crate::clip_files::ClipFiles;
use crate::config::ServerConfig;
use crate::console::shared::OpenedLinks;
use crate::engines::Engines;
use crate::get_media::Consumers;
use crate::guard::Guards;
use crate::health::Health;
use crate::hubs::Hubs;
use crate::images::Images;
use crate::ingest::{Ingest, Turns};
use crate::media::Media;
use crate::metrics::Metrics;
use crate::playback::Playback;
use crate::process::Process;
use crate::share_links::ShareLinks;

pub(crate) struct App {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub metrics: Arc<Metrics>,
    pub audit: Arc<Audit>,
    pub guards: Guards,
    pub health: Health,
    /// Keys and who holds them.
    pub access: Access,
    /// Streams and their configurations.
    pub control: Control,
    pub secrets: Secrets,
    pub hubs: Hubs,
    /// Stored media.
    pub media: Arc<Media>,
    pub ingest: Arc<Ingest>,
    pub consumers: Arc<Consumers>,
    pub playback: Arc<Playback>,
    pub clip_files: Arc<ClipFiles>,
    pub share_links: ShareLinks,
    pub opened_links: OpenedLinks,
    /// Absent when images are switched off.
    pub images: Option<Arc<Images>>,
    pub background: Arc<Background>,
}

impl App {
    pub(crate) fn new(
        config: ServerConfig,
        process: Process,
        engines: Engines,
        master_key: MasterKey,
    ) -> Self {
        let Engines { db, fragments, audit, leases, notices } = engines;
        let (config, process) = (Arc::new(config), Arc::new(process));
        let audit = Arc::new(Audit::new(audit));
        let guards = Guards::new(config.rate_limits, config.connections_per_address_max);
        let metrics = Arc::new(Metrics::new(audit.failures(), guards.body_budget.refusals()));
        let health = Health { db: Arc::clone(&db), fragments: Arc::clone(&fragments) };
        let turns = Arc::new(Turns::new(Arc::clone(&process), leases, Arc::clone(&notices)));
        let streams = Streams { db: Arc::clone(&db), config: Arc::clone(&config) };
        let media = Arc::new(Media {
            process: Arc::clone(&process),
            config: Arc::clone(&config),
            metrics: Arc::clone(&metrics),
            streams: streams.clone(),
            fragments: Arc::clone(&fragments),
            notices: Arc::clone(&notices),
        });
        let deletion = Arc::new(MediaDeletion {
            process: Arc::clone(&process),
            config: Arc::clone(&config),
            db: Arc::clone(&db),
            fragments: Arc::clone(&fragments),
            notices: Arc::clone(&notices),
            turns: Arc::clone(&turns),
            audit: Arc::clone(&audit),
        });
        let background = Arc::new(Background {
            process: Arc::clone(&process),
            metrics: Arc::clone(&metrics),
            health: health.clone(),
            notices: Arc::clone(&notices),
            deletion: Arc::clone(&deletion),
        });
        let images = config.image_decoders.clone();
        let images = images.map(|decoders| Arc::new(Images::new(decoders, Arc::clone(&media))));
        let hubs =
            Hubs::new(Arc::clone(&process), streams.clone(), Arc::clone(&notices), images.clone());
        let secrets = Secrets {
            process: Arc::clone(&process),
            config: Arc::clone(&config),
            db: Arc::clone(&db),
            master_key: master_key.clone(),
            notices: Arc::clone(&notices),
        };
        let control = Control {
            process: Arc::clone(&process),
            config: Arc::clone(&config),
            db: Arc::clone(&db),
            streams,
            turns: Arc::clone(&turns),
            notices,
            deletion,
        };
        let policies = Arc::new(PolicyCache::default());
        let grants = Arc::new(Grants::new(Arc::clone(&db), Arc::clone(&policies)));
        let clip_files = Arc::new(ClipFiles::new(
            Arc::clone(&media),
            Arc::clone(&db),
            Arc::clone(&grants),
            Arc::clone(&guards.limits),
            master_key.clone(),
        ));
        let playback = Arc::new(Playback::new(
            Arc::clone(&media),
            Arc::clone(&db),
            Arc::clone(&grants),
            Arc::clone(&guards.limits),
            master_key.clone(),
        ));
        Self {
            access: Access::new(
                Arc::clone(&process),
                Arc::clone(&config),
                db,
                master_key,
                policies,
            ),
            ingest: Arc::new(Ingest::new(Arc::clone(&media), Arc::clone(&turns))),
            consumers: Arc::new(Consumers::new(Arc::clone(&media), turns, Arc::clone(&grants))),
            share_links: ShareLinks {
                media: Arc::clone(&media),
                grants,
                playback: Arc::clone(&playback),
                clip_files: Arc::clone(&clip_files),
            },
            opened_links: OpenedLinks::default(),
            clip_files,
            playback,
            process,
            config,
            metrics,
            audit,
            guards,
            health,
            control,
            secrets,
            hubs,
            media,
            images,
            background,
        }
    }
}
