//! HTTP Live Streaming: the text of playlists. Pure.

pub(super) mod playlist;
