//! The camera as its clients see it, over real sockets on loopback.

mod access;
mod faults;
mod harness;
mod loops;
