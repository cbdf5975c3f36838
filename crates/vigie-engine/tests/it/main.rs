//! The engine held against what others measured.

mod quartz_corpus;
