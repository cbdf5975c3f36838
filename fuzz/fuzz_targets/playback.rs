#![no_main]
//! See `vigie_fuzz::playback`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::playback(data));
