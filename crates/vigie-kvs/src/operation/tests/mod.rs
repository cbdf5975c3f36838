//! The table held against what speaks of it: the typed inputs, the console's client, the documents.

mod client;
mod documents;
mod inputs;
mod shape_source;
