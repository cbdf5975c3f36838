//! Behaviours of the uploader job.
