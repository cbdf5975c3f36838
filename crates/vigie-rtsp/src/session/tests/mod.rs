//! Sessions with a camera in memory that answers as it is told to.

use super::*;
use camera::*;

mod camera;
mod deviations;
mod ends;
mod mutations;
mod udp;
