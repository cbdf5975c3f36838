//! `vigie server`: the service with the real clock, disk, chance and network.

mod accept_metadata;
mod backup;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use vigie_images::confinement::can_start_programs;
use vigie_images::pool::PoolSettings;
use vigie_server::auth::MasterKey;
use vigie_server::ingest::{IngestRules, ProducerPolicy};
use vigie_server::private_file::read_master_key;
use vigie_server::{
    ClipLimits, ImageDecoders, MasterKeySource, RateLimits, ReaderLimits, Server, ServerConfig,
    TlsFiles,
};
use vigie_store::OsDisk;

use crate::cli::{
    MediaOptions, ProducerPolicyOption, RateLimitPreset, ServerCommand, ServerOptions,
};
use crate::cmd::image_decoder;
use crate::failure::{Doing, Failure};
use crate::open_files;
use crate::stop;
use crate::supervisor;
use crate::system::{SystemChance, SystemClock};

/// The master key as 64 hexadecimal digits, for those who keep it elsewhere than in the data folder.
const MASTER_KEY_VARIABLE: &str = "VIGIE_MASTER_KEY";

pub fn run(options: ServerOptions) -> Result<(), Failure> {
    match &options.command {
        Some(ServerCommand::AcceptMetadata(options)) => return accept_metadata::run(options),
        Some(ServerCommand::Backup(options)) => return backup::backup(options),
        Some(ServerCommand::Restore(options)) => return backup::restore(options),
        None => {}
    }
    check_account_id(&options.account_id)?;
    let tls = tls_files(options.tls_cert, options.tls_key)?;
    check_insecure_http(options.listen, tls.is_some(), options.insecure_http)?;
    let connections_max = open_files::connections(options.connections_max, open_files::raise());
    let config = ServerConfig {
        region: options.region,
        account_id: options.account_id,
        public_url: options.public_url,
        tls,
        trusted_proxies: options.trusted_proxies,
        signature_skew: Duration::from_secs(options.signature_skew_seconds.into()),
        connections_max: connections_max as usize,
        connections_per_address_max: options.connections_per_address_max as usize,
        rate_limits: match options.rate_limits {
            RateLimitPreset::Off => RateLimits::Off,
            RateLimitPreset::Aws => RateLimits::Aws,
        },
        audit_log: options.audit_log,
        ..media_config(&options.media, ServerConfig::new(options.data_dir))
    };
    stop::runtime()?.block_on(async {
        let stop = stop::requested()?;
        // The port first: a second server on the same folder stops here and touches nothing.
        let listener = TcpListener::bind(options.listen)
            .await
            .doing(format!("listen on {}", options.listen))?;
        let server = open(config).await?;
        supervisor::ready();
        if let Some(pulse) = supervisor::pulse() {
            server.give_pulse(pulse);
        }
        let stop = async {
            stop.await;
            supervisor::stopping();
        };
        server.serve(listener, stop).await.doing("serve")
    })
}

fn media_config(options: &MediaOptions, config: ServerConfig) -> ServerConfig {
    let minutes = |minutes: u32| Duration::from_secs(60 * u64::from(minutes));
    ServerConfig {
        ingest_rules: IngestRules {
            connection_duration_max: options.put_media_minutes_max.map(minutes),
            every_track_in_every_fragment: options.every_track_in_every_fragment,
            ..IngestRules::KVS
        },
        producer_policy: match options.producer_policy {
            ProducerPolicyOption::NewestWins => ProducerPolicy::NewestWins,
            ProducerPolicyOption::FirstWins => ProducerPolicy::FirstWins,
        },
        open_fragments_bytes_max: (options.open_fragments_mb_max as usize) << 20,
        reader_limits: ReaderLimits {
            get_media_max: options.get_media_connections_max,
            fragment_list_max: options.fragment_list_connections_max,
        },
        clip_limits: ClipLimits {
            fragments_max: options.clip_fragments_max as usize,
            size_bytes_max: u64::from(options.clip_mb_max) << 20,
        },
        image_decoders: image_decoders(options.image_decoders_max, options.image_ffmpeg.clone()),
        ..config
    }
}

/// A request that takes a decoder longer than this is given up.
const DECODER_DEADLINE: Duration = Duration::from_secs(30);
/// A decoder that is not needed for so long ends.
const DECODER_IDLE: Duration = Duration::from_secs(60);

/// Decoders are this program once more. `ffmpeg` is the program, `off`, or absent where the one of PATH is meant.
pub fn image_decoders(
    processes_max: Option<u32>,
    ffmpeg: Option<PathBuf>,
) -> Option<ImageDecoders> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let processes_max = processes_max.map_or_else(processors, |max| max as usize);
    let pool = |arguments: &[&OsStr]| PoolSettings {
        // Not the path: another version may have been installed there since.
        program: "/proc/self/exe".into(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        processes_max,
        deadline: DECODER_DEADLINE,
        idle: DECODER_IDLE,
    };
    let command = OsStr::new(image_decoder::COMMAND);
    let ffmpeg = match ffmpeg {
        Some(program) if program == Path::new("off") => None,
        Some(program) => Some(program),
        None => ffmpeg_of_path(),
    };
    let ffmpeg = ffmpeg.filter(|program| {
        let can = can_start_programs();
        if !can {
            let program = program.display();
            tracing::warn!(
                "{program} decodes no images: this kernel has no Landlock, which would keep it from the server's files"
            );
        }
        can
    });
    (processes_max > 0).then(|| ImageDecoders {
        rust: pool(&[command]),
        ffmpeg: ffmpeg.map(|program| pool(&[command, OsStr::new("--ffmpeg"), program.as_os_str()])),
    })
}

fn ffmpeg_of_path() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join("ffmpeg")).find(|it| it.is_file())
}

/// Opens a server with everything real.
pub async fn open(config: ServerConfig) -> Result<Server, Failure> {
    let master_key = match master_key_of_environment()? {
        Some(key) => MasterKeySource::from(key),
        None => MasterKeySource::File,
    };
    let clock = Arc::new(SystemClock::new());
    let disk = Arc::new(OsDisk);
    Server::open(config, master_key, clock, Box::new(SystemChance), disk)
        .await
        .doing("start the server")
}

/// The master key of a server that has been started before; makes none.
pub fn existing_master_key(config: &ServerConfig) -> Result<MasterKey, Failure> {
    match master_key_of_environment()? {
        Some(key) => Ok(key),
        None => read_master_key(&config.master_key_path()).doing("read the master key"),
    }
}

fn master_key_of_environment() -> Result<Option<MasterKey>, Failure> {
    match std::env::var(MASTER_KEY_VARIABLE) {
        Ok(hex) => {
            MasterKey::from_hex(hex.trim()).doing(format!("use {MASTER_KEY_VARIABLE}")).map(Some)
        }
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(Failure::usage(format!("{MASTER_KEY_VARIABLE}: {error}"))),
    }
}

fn tls_files(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
) -> Result<Option<TlsFiles>, Failure> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (None, None) => Ok(None),
        _ => Err(Failure::usage("--tls-cert and --tls-key belong together: give both or none")),
    }
}

/// Signatures keep callers from forging requests over plain HTTP, but nothing keeps others on the way from reading
/// video and secrets.
fn check_insecure_http(listen: SocketAddr, tls: bool, insecure_http: bool) -> Result<(), Failure> {
    if tls || insecure_http || listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--listen {listen} can be reached from other machines and there is no TLS: others on the way could read video \
         and secrets. Give --tls-cert and --tls-key, listen on 127.0.0.1 behind a proxy that does TLS, or say \
         --insecure-http if the network is trusted"
    )))
}

fn check_account_id(account_id: &str) -> Result<(), Failure> {
    if account_id.len() == 12 && account_id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Failure::usage(format!("--account-id {account_id:?} is not twelve digits")))
}
