#![no_main]
//! See `vigie_fuzz::mp4`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::mp4(data));
