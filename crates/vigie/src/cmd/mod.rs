//! One module a command: options in, composition, and nothing else.

pub mod agent;
pub mod agent_status;
pub mod camera;
pub mod cameras;
pub mod cron;
pub mod demo;
pub mod image_decoder;
pub mod keys;
mod operator;
pub mod server;
pub mod store;
pub mod users;
