#![no_main]
//! See `vigie_fuzz::image_protocol`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::image_protocol(data));
