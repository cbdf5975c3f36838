//! The edge agent: control loop, sources, recorder, uploader, deletion.
