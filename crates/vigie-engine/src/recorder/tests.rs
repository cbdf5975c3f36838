//! Behaviours of the recorder job.
