//! The embedded engine of the media seam ([`vigie_archive`]), and the seam's names for the server.

mod embedded;
mod embedded_types;
mod embedded_writer;
mod store_thread;
#[cfg(test)]
mod tests;

pub use embedded::EmbeddedArchive;
pub use vigie_archive::*;
