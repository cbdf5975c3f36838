//! Sessions with a camera in memory that answers as it is told to.

mod camera;
mod deviations;
mod ends;
mod mutations;
mod udp;

pub(super) use camera::*;
