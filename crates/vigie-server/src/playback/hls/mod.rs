//! HTTP Live Streaming: the text of playlists. Pure.

pub(super) mod date_time;
pub(super) mod playlist;
