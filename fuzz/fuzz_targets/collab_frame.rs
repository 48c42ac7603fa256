//! Bytes from outside as frames of one client of a live document.

#![no_main]

#[path = "../claims/collab_frame.rs"]
mod collab_frame;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    collab_frame::check(bytes);
});
