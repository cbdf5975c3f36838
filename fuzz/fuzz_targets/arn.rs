#![no_main]
//! See `vigie_fuzz::arn`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::arn(data));
