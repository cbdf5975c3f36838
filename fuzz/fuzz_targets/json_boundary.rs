#![no_main]
//! See `vigie_fuzz::json_boundary`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::json_boundary(data));
