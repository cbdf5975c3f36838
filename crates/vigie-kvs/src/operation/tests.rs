//! The table held against what speaks of it: the typed inputs, the console's client.

mod client;
mod inputs;
mod shape_source;
