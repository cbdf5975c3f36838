//! MPEG-DASH: the text of manifests. Pure.

pub(super) mod manifest;
