#![no_main]
//! See `vigie_fuzz::cron`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::cron(data));
