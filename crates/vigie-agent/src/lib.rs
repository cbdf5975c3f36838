//! The edge agent: it records cameras by schedule, uploads by schedule and deletes by policy, whatever the network does.
//!
//! [`core`] decides: one deterministic state machine, [`core::Hub`], that owns the media store and turns what happened
//! into what is to be done. It knows no socket, no thread, no clock; the simulator drives it as the program does.
//! [`shell`] does: RTSP, HTTP, threads, and the one loop that feeds the core. [`Agent`] puts the two together.
//!
//! The agent never erases media for any reason but the stream's deletion policy and an explicit deletion of its edge
//! configuration, and it never needs the service to go on recording by the last configuration that it took.

pub mod camera_outputs;
pub mod core;
pub mod ledger;
pub mod shell;

pub use core::take_over;
pub use shell::agent::{Agent, AgentConfig, AgentError, LiveSettings, service_url};
pub use shell::api_client::{ApiClient, Endpoints};
pub use shell::credentials::CredentialsChain;
