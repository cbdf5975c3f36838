//! The command line: every option, its environment variable and its default, declared once.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// Open, self-hosted video from the edge: records cameras where they are and speaks the wire protocol of Amazon
/// Kinesis Video Streams.
#[derive(Debug, Parser)]
#[command(name = "vigie", version, propagate_version = true)]
pub struct Cli {
    /// Configuration file: one table a command, keys named like the options with `_` for `-`
    #[arg(long, global = true, env = "VIGIE_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    #[command(flatten)]
    pub log: LogOptions,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct LogOptions {
    /// What to log: a level, or a filter such as `info,vigie_agent=debug`
    #[arg(long, global = true, env = "VIGIE_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// Log as JSON, one object a line
    #[arg(long, global = true, env = "VIGIE_LOG_JSON")]
    pub log_json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the service: control plane, media store, reading
    Server(ServerOptions),
    /// Run the edge agent on the hub next to the cameras
    Agent(AgentOptions),
    /// Run server, agent and a simulated camera in one process, ready to try
    Demo(DemoOptions),
    /// Run a simulated RTSP camera that loops a file
    Camera(CameraOptions),
    /// Access keys of a server
    #[command(subcommand)]
    Keys(KeysCommand),
    /// People who sign in to a server with a name and a password
    #[command(subcommand)]
    Users(UsersCommand),
    /// Cameras of a hub
    #[command(subcommand)]
    Cameras(CamerasCommand),
    /// The media store of a server or a hub
    #[command(subcommand)]
    Store(StoreCommand),
    /// Decode pictures for the server that started this process
    #[command(hide = true)]
    ImageDecoder(ImageDecoderOptions),
    /// The next fire times of a Quartz cron expression, or why it is invalid or will never fire
    Cron(CronOptions),
}

/// Options of a decoder.
#[derive(Debug, Args)]
pub struct ImageDecoderOptions {
    /// Decode by this program instead of the decoders in Rust
    #[arg(long, value_name = "FILE")]
    pub ffmpeg: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ServerOptions {
    #[command(subcommand)]
    pub command: Option<ServerCommand>,
    /// Address to listen on
    #[arg(long, env = "VIGIE_LISTEN", default_value = "127.0.0.1:8440", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Folder for everything the server keeps; created at first start
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Certificate chain in PEM to serve https with; read again when it changes
    #[arg(long, env = "VIGIE_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM of --tls-cert; read again when it changes
    #[arg(long, env = "VIGIE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Serve http without TLS on an address that is not loopback
    #[arg(long, env = "VIGIE_INSECURE_HTTP")]
    pub insecure_http: bool,
    /// Addresses of proxies whose X-Forwarded-For says who calls; believed of no others
    #[arg(long, env = "VIGIE_TRUSTED_PROXIES", value_name = "IP,…", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,
    /// Connections at once; more wait
    #[arg(long, env = "VIGIE_CONNECTIONS_MAX", default_value_t = 16_384, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_max: u32,
    /// Connections at once from one remote address (for IPv6 its /64); more are closed
    #[arg(long, env = "VIGIE_CONNECTIONS_PER_ADDRESS_MAX", default_value_t = 4096, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_per_address_max: u32,
    /// Calls a second that each access key may make
    #[arg(long, env = "VIGIE_RATE_LIMITS", value_enum, default_value_t)]
    pub rate_limits: RateLimitPreset,
    /// File to append the audit log to, one JSON object for each call that changes something [default: audit.jsonl in
    /// --data-dir, which the server keeps small]
    #[arg(long, env = "VIGIE_AUDIT_LOG", value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
    /// URL that clients reach this server by, returned by GetDataEndpoint [default: taken from each request]
    #[arg(long, env = "VIGIE_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    #[command(flatten)]
    pub media: MediaOptions,
    /// Region in ARNs and signatures
    #[arg(long, env = "VIGIE_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Account id in ARNs, twelve digits
    #[arg(long, env = "VIGIE_ACCOUNT_ID", default_value = "000000000000", value_name = "ID")]
    pub account_id: String,
    /// How far the clocks of callers may differ from the server's, in seconds
    #[arg(long, env = "VIGIE_SIGNATURE_SKEW_SECONDS", default_value_t = 300, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub signature_skew_seconds: u32,
}

#[derive(Debug, Subcommand)]
pub enum ServerCommand {
    /// Let the next start take the metadata as it is, although it is missing or older than the folder; says what that
    /// means unless --yes is given
    AcceptMetadata(AcceptMetadataOptions),
    /// Copy index, metadata and keys to a new folder, also while the server runs; copy media/ after it
    Backup(BackupOptions),
    /// Bring a backup back into a folder that has none of its files
    Restore(RestoreOptions),
}

#[derive(Debug, Args)]
pub struct BackupOptions {
    /// The folder to make, on another disk at best; it will hold the keys of the server
    #[arg(value_name = "TARGET")]
    pub target: PathBuf,
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct RestoreOptions {
    /// The folder that `vigie server backup` made
    #[arg(value_name = "BACKUP")]
    pub source: PathBuf,
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct AcceptMetadataOptions {
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Do it: streams, keys and secrets that are not in it are given up
    #[arg(long)]
    pub yes: bool,
}

/// What producers and readers may do.
#[derive(Debug, Args)]
pub struct MediaOptions {
    /// Who goes on when a producer connects to a stream that has one
    #[arg(long, env = "VIGIE_PRODUCER_POLICY", value_enum, default_value_t)]
    pub producer_policy: ProducerPolicyOption,
    /// Minutes after which a PutMedia connection takes no further fragment; AWS's is 45 [default: no limit]
    #[arg(long, env = "VIGIE_PUT_MEDIA_MINUTES_MAX", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub put_media_minutes_max: Option<u32>,
    /// Refuse fragments without a frame of each declared track, as AWS does
    #[arg(long, env = "VIGIE_EVERY_TRACK_IN_EVERY_FRAGMENT")]
    pub every_track_in_every_fragment: bool,
    /// Memory for fragments that are still coming in, of all producers together
    #[arg(long, env = "VIGIE_OPEN_FRAGMENTS_MB_MAX", default_value_t = 1024, value_name = "MB", value_parser = clap::value_parser!(u32).range(64..))]
    pub open_fragments_mb_max: u32,
    /// GetMedia connections to one stream at once; AWS's are 3 [default: no limit]
    #[arg(long, env = "VIGIE_GET_MEDIA_CONNECTIONS_MAX", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub get_media_connections_max: Option<u32>,
    /// GetMediaForFragmentList connections to one stream at once; AWS's are 5 [default: no limit]
    #[arg(long, env = "VIGIE_FRAGMENT_LIST_CONNECTIONS_MAX", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub fragment_list_connections_max: Option<u32>,
    /// Fragments in one GetClip
    #[arg(long, env = "VIGIE_CLIP_FRAGMENTS_MAX", default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub clip_fragments_max: u32,
    /// Media in one GetClip
    #[arg(long, env = "VIGIE_CLIP_MB_MAX", default_value_t = 100, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..))]
    pub clip_mb_max: u32,
    /// Processes that decode pictures for GetImages at once; 0 switches it off [default: one for each processor]
    #[arg(long, env = "VIGIE_IMAGE_DECODERS_MAX", value_name = "N", value_parser = clap::value_parser!(u32).range(..=256))]
    pub image_decoders_max: Option<u32>,
    /// Program that decodes for GetImages what Vigie's own decoders do not support, or `off` [default: the ffmpeg of
    /// PATH, if there is one]
    #[arg(long, env = "VIGIE_IMAGE_FFMPEG", value_name = "FILE")]
    pub image_ffmpeg: Option<PathBuf>,
}

/// Who goes on when a producer connects to a stream that has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProducerPolicyOption {
    /// The newest: a producer whose old connection is half dead is back at once
    #[default]
    NewestWins,
    /// The one that is there, as with AWS: the newest is refused
    FirstWins,
}

/// How many calls a second a key may make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum RateLimitPreset {
    /// As many as it likes
    #[default]
    Off,
    /// As many as an account of AWS: its quotas for each operation and each stream
    Aws,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct AgentOptions {
    #[command(subcommand)]
    pub command: Option<AgentCommand>,
    /// This hub: the HubDeviceArn of the edge configurations it takes
    #[arg(long, env = "VIGIE_HUB_DEVICE_ARN", value_name = "ARN", required = true)]
    pub hub_device_arn: Option<String>,
    /// The server, or any endpoint that speaks Kinesis Video Streams
    #[arg(long, env = "VIGIE_ENDPOINT_URL", value_name = "URL", required = true)]
    pub endpoint_url: Option<String>,
    /// The Secrets Manager that holds the cameras' secrets [default: --endpoint-url]
    #[arg(long, env = "VIGIE_SECRETS_ENDPOINT_URL", value_name = "URL")]
    pub secrets_endpoint_url: Option<String>,
    /// Use plain http to other machines: they and all between can read video and secrets
    #[arg(long, env = "VIGIE_INSECURE_HTTP")]
    pub insecure_http: bool,
    /// Folder for the configuration and the media of this hub; created at first start
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-hub", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Time zone of the schedules, such as Europe/Paris [default: the system's]
    #[arg(long, env = "VIGIE_TIMEZONE", value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Region of the signatures
    #[arg(long, env = "VIGIE_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Certificates in PEM to trust cameras' rtsps:// by, besides the system's: of a CA, or of the cameras themselves
    #[arg(long, env = "VIGIE_CAMERA_CA", value_name = "FILE")]
    pub camera_ca: Option<PathBuf>,
    /// Folder that FILE_URI may record files from, itself and all below; may be given several times, in the environment
    /// with `:` between [default: none, so that FILE_URI records nothing]
    #[arg(long, env = "VIGIE_FILE_ROOT", value_name = "FOLDER", value_delimiter = ':')]
    pub file_root: Vec<PathBuf>,
    /// Bytes a second that all uploads of this hub together may take [default: no limit]
    #[arg(long, env = "VIGIE_UPLOAD_BANDWIDTH_BYTES_PER_SECOND", value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1024..))]
    pub upload_bandwidth_bytes_per_second: Option<u64>,
    /// Address for /healthz, /readyz and /metrics
    #[arg(long, env = "VIGIE_LISTEN", default_value = "127.0.0.1:8441", value_name = "IP:PORT")]
    pub listen: SocketAddr,
}

#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// How a hub is, whether its agent runs or not: jobs, media, gaps and losses
    Status(AgentStatusOptions),
    /// Let the agent of this folder replace whoever works as its hub, at its next call
    TakeOver(TakeOverOptions),
}

#[derive(Debug, Args)]
pub struct TakeOverOptions {
    /// The hub's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-hub", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct AgentStatusOptions {
    /// The hub's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-hub", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Refuse a folder that is not this hub's: its HubDeviceArn, or the name at the end of it
    #[arg(long, value_name = "ARN")]
    pub hub: Option<String>,
    /// Only this stream, by name
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Gaps and losses after this time: RFC 3339 or milliseconds since 1970 [default: the last 24 hours]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Gaps and losses before this time [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct DemoOptions {
    /// Address the server listens on
    #[arg(long, env = "VIGIE_LISTEN", default_value = "127.0.0.1:8440", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// Folder for the demonstration; created at first start
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-demo", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

/// How the simulated camera asks who is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CameraAuthentication {
    /// Offer both schemes, as most cameras do
    #[default]
    Both,
    /// Digest only
    Digest,
    /// Basic only
    Basic,
}

#[derive(Debug, Args)]
pub struct CameraOptions {
    /// The file to loop: MP4, MOV or MKV with H.264 or H.265, and AAC or G.711
    #[arg(long, env = "VIGIE_MEDIA", value_name = "FILE")]
    pub media: PathBuf,
    /// Address to listen on
    #[arg(long, env = "VIGIE_LISTEN", default_value = "127.0.0.1:8554", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// How many cameras to be: /cam0, /cam1 and so on
    #[arg(long, env = "VIGIE_MOUNTS", default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub mounts: u32,
    /// Ask for this user
    #[arg(long, env = "VIGIE_USER", requires = "password")]
    pub user: Option<String>,
    /// Ask for this password
    #[arg(long, env = "VIGIE_PASSWORD", requires = "user")]
    pub password: Option<String>,
    /// How to ask for user and password
    #[arg(long, env = "VIGIE_AUTHENTICATION", value_enum, default_value_t)]
    pub authentication: CameraAuthentication,
    /// Refuse media over the RTSP connection, as cameras do that send over UDP alone
    #[arg(long, env = "VIGIE_UDP_ONLY")]
    pub udp_only: bool,
    /// Over UDP, lose one packet of so many [default: none]
    #[arg(
        long,
        env = "VIGIE_LOSE_EVERY",
        default_value_t = 0,
        hide_default_value = true,
        value_name = "N"
    )]
    pub lose_every: u32,
    /// Over UDP, let one packet of so many be overtaken by the next [default: none]
    #[arg(
        long,
        env = "VIGIE_DELAY_EVERY",
        default_value_t = 0,
        hide_default_value = true,
        value_name = "N"
    )]
    pub delay_every: u32,
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Create an access key and print it; its secret is shown this once
    Create(KeysCreateOptions),
    /// List the access keys (never their secrets)
    List(KeysListOptions),
    /// Revoke an access key for good, at once and with the temporary credentials that came from it
    Revoke(KeysRevokeOptions),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("permissions").required(true).args(["policy", "root"])))]
pub struct KeysCreateOptions {
    /// What the key may do: a file with an IAM identity policy
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Make a root key, which may do everything
    #[arg(long, conflicts_with = "name")]
    pub root: bool,
    /// User name in ARNs and refusals [default: the key's id]
    #[arg(long)]
    pub name: Option<String>,
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Print JSON [default: a profile of a shared credentials file]
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct KeysRevokeOptions {
    /// The key's id, AKIA…
    pub access_key_id: String,
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct KeysListOptions {
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Create a user; asks for its password
    Create(UsersCreateOptions),
    /// List the users
    List(UsersListOptions),
    /// Give a user another role, or disable or enable it; its sessions end
    Update(UsersUpdateOptions),
    /// Give a user another password; its sessions end
    SetPassword(UsersPasswordOptions),
    /// End the sessions of a user
    SignOut(UserOptions),
    /// Remove a user; its sessions end
    Remove(UserOptions),
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    /// Look and listen, search and export
    Viewer,
    /// And run cameras: streams, edge configurations, secrets
    Operator,
    /// Everything but root keys
    Administrator,
}

#[derive(Debug, Args)]
pub struct UserOptions {
    /// The user's name; case does not matter
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct PasswordOptions {
    /// Take the password from the first line of standard input [default: ask on the terminal]
    #[arg(long)]
    pub password_stdin: bool,
}

/// The streams that a role is for.
#[derive(Debug, Args)]
pub struct UserScopeOptions {
    /// A stream that the role is for, `*` for any characters; again for more [default: all streams]
    #[arg(long, value_name = "NAME", requires = "role")]
    pub stream: Vec<String>,
    /// The tag of the streams that the role is for
    #[arg(long, value_name = "KEY=VALUE", requires = "role", conflicts_with = "stream")]
    pub tag: Option<String>,
}

#[derive(Debug, Args)]
pub struct UsersCreateOptions {
    #[command(flatten)]
    pub user: UserOptions,
    /// What the user may do
    #[arg(long, value_enum)]
    pub role: UserRole,
    #[command(flatten)]
    pub scope: UserScopeOptions,
    #[command(flatten)]
    pub password: PasswordOptions,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(["role", "disable", "enable"])))]
pub struct UsersUpdateOptions {
    #[command(flatten)]
    pub user: UserOptions,
    /// Another role, for the streams that are given with it
    #[arg(long, value_enum)]
    pub role: Option<UserRole>,
    #[command(flatten)]
    pub scope: UserScopeOptions,
    /// It cannot sign in until it is enabled again
    #[arg(long, conflicts_with = "enable")]
    pub disable: bool,
    #[arg(long)]
    pub enable: bool,
}

#[derive(Debug, Args)]
pub struct UsersPasswordOptions {
    #[command(flatten)]
    pub user: UserOptions,
    #[command(flatten)]
    pub password: PasswordOptions,
}

#[derive(Debug, Args)]
pub struct UsersListOptions {
    /// The server's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum CamerasCommand {
    /// Add the cameras of a list: each is tried from its hub, then recorded. Given again, a list goes on where it was
    /// interrupted
    Add(CamerasAddOptions),
}

#[derive(Debug, Args)]
pub struct CamerasAddOptions {
    /// The cameras, comma-separated, a line for each: name,address,user,password; a first line with these words gives
    /// another order
    #[arg(value_name = "FILE")]
    pub list: PathBuf,
    /// The hub that is to record them
    #[arg(long, env = "VIGIE_HUB_DEVICE_ARN", value_name = "ARN")]
    pub hub_device_arn: String,
    /// The server, by the access key of the environment or of the shared credentials file
    #[arg(long, env = "VIGIE_ENDPOINT_URL", value_name = "URL")]
    pub endpoint_url: String,
    /// The Secrets Manager for the cameras' secrets [default: --endpoint-url]
    #[arg(long, env = "VIGIE_SECRETS_ENDPOINT_URL", value_name = "URL")]
    pub secrets_endpoint_url: Option<String>,
    /// Use plain http to another machine: all between can read the cameras' passwords
    #[arg(long, env = "VIGIE_INSECURE_HTTP")]
    pub insecure_http: bool,
    /// Region of the signatures
    #[arg(long, env = "VIGIE_REGION", default_value = "us-east-1")]
    pub region: String,
    /// Hours that the server keeps their media
    #[arg(long, default_value_t = 168, value_name = "N", value_parser = clap::value_parser!(u32).range(..=87_600))]
    pub retention_hours: u32,
    /// Add them although the hub has not seen a picture of them
    #[arg(long)]
    pub untested: bool,
}

#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Find every disagreement between the index and the media files; the store must not be in use
    Check(StoreCheckOptions),
    /// Rebuild the index from the media files alone; says what it would do unless --yes is given
    Repair(StoreRepairOptions),
    /// List the media that lies aside because no index entry refers to it, or remove it; the store must not be in use
    Unclaimed(StoreUnclaimedOptions),
    /// List the streams and their media files
    List(StoreListOptions),
    /// Write a time range of a stream to one file
    Export(StoreExportOptions),
}

#[derive(Debug, Args)]
pub struct StoreCheckOptions {
    /// The server's or the hub's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StoreRepairOptions {
    /// The server's or the hub's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Do it: replace the index, cut off what is behind the last whole frame of a media file
    #[arg(long)]
    pub yes: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StoreUnclaimedOptions {
    /// The server's or the hub's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Remove this file, as the list shows it; may be given several times
    #[arg(long, value_name = "FILE")]
    pub discard: Vec<PathBuf>,
    /// Remove all of them
    #[arg(long, conflicts_with = "discard")]
    pub discard_all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct StoreExportOptions {
    /// The server's or the hub's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// The stream, by its name or the key that the list shows
    #[arg(long)]
    pub stream: String,
    /// Media from this time on: RFC 3339 or milliseconds since 1970 [default: the oldest]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Media before this time [default: the newest]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// The file to write, .mkv or .mp4; it must not exist
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct StoreListOptions {
    /// The server's or the hub's folder
    #[arg(long, env = "VIGIE_DATA_DIR", default_value = "./vigie-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// Only this stream, by its name or the key that the list shows
    #[arg(long)]
    pub stream: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct CronOptions {
    /// Quartz cron expression, such as "0 0 9-16 ? * MON-FRI"
    pub expression: String,
    /// Start after this time: RFC 3339 or milliseconds since 1970 [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// How many fire times
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub count: u32,
    /// Time zone, such as Europe/Paris [default: the system's]
    #[arg(long, env = "VIGIE_TIMEZONE", value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
