#![no_main]
//! See `vigie_fuzz::parameter_sets`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::parameter_sets(data));
