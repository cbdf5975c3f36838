//! The table held against what speaks of it: the typed inputs.

mod inputs;
