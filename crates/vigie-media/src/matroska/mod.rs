//! Matroska (RFC 9559) as KVS uses it: one document, every Cluster a fragment.
//!
//! Reads and writes the element tree. Never decodes a frame, never opens a file.

pub mod ebml;
pub mod file_writer;
pub mod ids;
pub mod reader;
pub mod writer;

pub use file_writer::FileWriter;
pub use reader::{
    ContentEncoding, DocumentHeader, Event, Fragment, FragmentFrame, FragmentReader, FrameEntry,
    Limits, ReadError, Recovered, Tag, fragment_frames,
};
