//! Plans as tables, and the properties that hold for all.
