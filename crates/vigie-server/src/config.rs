//! The settings of a server, and the names that follow from them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use vigie_kvs::arn::Place;

use crate::clip::ClipLimits;
use crate::db::Stream;
use crate::get_media::readers::ReaderLimits;
use crate::guard::RateLimits;
use crate::images::decoders::ImageDecoders;
use crate::ingest::rules::IngestRules;
use crate::ingest::turns::ProducerPolicy;
use crate::tls::TlsFiles;

/// AWS's five minutes.
const SIGNATURE_SKEW: Duration = Duration::from_secs(5 * 60);

/// What the composition decides about a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The folder of everything that the server keeps.
    pub data_dir: PathBuf,
    /// The region in ARNs and signatures.
    pub region: String,
    /// The account in ARNs, twelve digits.
    pub account_id: String,
    /// Where callers reach this server; by default what their `Host` header says.
    pub public_url: Option<String>,
    /// The certificate to serve TLS with; plain HTTP without one.
    pub tls: Option<TlsFiles>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// How far the clocks of a caller and this server may differ.
    pub signature_skew: Duration,
    /// Connections at once; more wait in the listener's backlog.
    pub connections_max: usize,
    /// Connections at once from one remote address; more are closed at once.
    pub connections_per_address_max: usize,
    /// Calls a second that each access key may make.
    pub rate_limits: RateLimits,
    /// The file of the audit log; by default one in the data folder, which the server keeps small.
    pub audit_log: Option<PathBuf>,
    /// The limits of PutMedia connections.
    pub ingest_rules: IngestRules,
    /// Which producer goes on when a stream gets a second one.
    pub producer_policy: ProducerPolicy,
    /// Memory of the fragments that are still coming in, of all PutMedia connections together.
    pub open_fragments_bytes_max: usize,
    /// How many may read a stream at once.
    pub reader_limits: ReaderLimits,
    /// How much a clip may hold.
    pub clip_limits: ClipLimits,
    /// The decoders of GetImages; without them there is no such operation.
    pub image_decoders: Option<ImageDecoders>,
}

impl ServerConfig {
    /// The defaults, in a folder.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            public_url: None,
            tls: None,
            trusted_proxies: Vec::new(),
            signature_skew: SIGNATURE_SKEW,
            connections_max: 16_384,
            connections_per_address_max: 4096,
            rate_limits: RateLimits::Off,
            audit_log: None,
            ingest_rules: IngestRules::KVS,
            producer_policy: ProducerPolicy::NewestWins,
            open_fragments_bytes_max: 1 << 30,
            reader_limits: ReaderLimits::default(),
            clip_limits: ClipLimits::KVS,
            image_decoders: None,
        }
    }

    /// The metadata database.
    pub fn metadata_path(&self) -> PathBuf {
        self.data_dir.join("metadata.sqlite")
    }

    /// The index of the media files.
    pub fn index_path(&self) -> PathBuf {
        self.data_dir.join("index.sqlite")
    }

    /// The folder of the media files.
    pub fn media_dir(&self) -> PathBuf {
        self.data_dir.join("media")
    }

    /// Where the root access key is written at first start.
    pub fn credentials_path(&self) -> PathBuf {
        self.data_dir.join("credentials")
    }

    /// Where the master key is, unless the environment gives it.
    pub fn master_key_path(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The file of the audit log.
    pub fn audit_log_path(&self) -> PathBuf {
        self.audit_log.clone().unwrap_or_else(|| self.data_dir.join("audit.jsonl"))
    }

    pub(crate) fn place(&self) -> Place {
        Place::new(self.region.as_str(), self.account_id.as_str())
    }

    /// A stream as IAM names it before it is known to exist.
    pub(crate) fn stream_resource(&self, stream_name: &str) -> String {
        let (region, account) = (&self.region, &self.account_id);
        format!("arn:aws:kinesisvideo:{region}:{account}:stream/{stream_name}/*")
    }

    /// An access key as IAM policies and the audit log name it.
    pub(crate) fn access_key_resource(&self, access_key_id: &str) -> String {
        format!("arn:aws:iam::{}:access-key/{access_key_id}", self.account_id)
    }

    /// A user as IAM policies and the audit log name it.
    pub(crate) fn user_resource(&self, user_name: &str) -> String {
        format!("arn:aws:iam::{}:user/{user_name}", self.account_id)
    }

    pub(crate) fn root_principal_arn(&self) -> String {
        format!("arn:aws:iam::{}:root", self.account_id)
    }

    pub(crate) fn default_kms_key_arn(&self) -> String {
        let (region, account) = (&self.region, &self.account_id);
        format!("arn:aws:kms:{region}:{account}:alias/aws/kinesisvideo")
    }

    /// The key of a stream's media: its name, for people who look at the disk, and its creation time, which makes it
    /// differ from a deleted stream of the same name.
    pub(crate) fn media_key(&self, stream: &Stream) -> String {
        format!("{}.{}", stream.name, stream.created_at.as_millis())
    }
}
