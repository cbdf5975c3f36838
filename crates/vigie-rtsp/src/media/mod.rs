//! From RTP packets to access units.
