//! Bytes from outside as a workflow document.

#![no_main]

#[path = "../claims/document.rs"]
mod document;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    document::check(bytes);
});
