#![no_main]
//! See `vigie_fuzz::session_url`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::session_url(data));
