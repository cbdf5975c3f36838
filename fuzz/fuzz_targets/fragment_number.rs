#![no_main]
//! See `vigie_fuzz::fragment_number`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::fragment_number(data));
