#![no_main]
//! See `vigie_fuzz::iam_policy`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::iam_policy(data));
