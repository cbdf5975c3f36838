#![no_main]
//! See `vigie_fuzz::acknowledgements`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::acknowledgements(data));
