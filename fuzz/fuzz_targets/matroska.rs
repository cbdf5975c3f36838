#![no_main]
//! See `vigie_fuzz::matroska`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::matroska(data));
