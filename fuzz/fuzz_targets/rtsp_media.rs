#![no_main]
//! See `vigie_fuzz::rtsp_media`.

libfuzzer_sys::fuzz_target!(|data: &[u8]| vigie_fuzz::rtsp_media(data));
