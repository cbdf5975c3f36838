#![no_main]
//! See `vigie_fuzz::sigv4`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::sigv4(data));
