//! Everything of the agent that touches the world: sockets, threads, the runtime. It executes effects, reports events,
//! and decides nothing.

pub mod agent;
pub mod api_client;
mod camera_connection;
mod camera_datagrams;
mod camera_test;
pub mod camera_tls;
pub(crate) mod camera_uri;
mod certificates;
mod core_message;
mod core_seat;
mod core_thread;
pub mod credentials;
mod drain_pace;
mod executor;
mod file_source;
mod frame_batch;
mod http;
mod metrics;
mod put_media;
mod read_pool;
mod rtsp_source;
mod status_server;
#[cfg(test)]
mod tests;
mod upload_pace;
