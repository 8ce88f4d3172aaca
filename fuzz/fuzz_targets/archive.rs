//! See `archive::body`.
#![no_main]

#[path = "../../tests/common/archive.rs"]
mod archive;

libfuzzer_sys::fuzz_target!(|data: &[u8]| archive::body(data));
