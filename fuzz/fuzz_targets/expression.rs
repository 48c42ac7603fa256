//! Text from outside as an expression.

#![no_main]

#[path = "../claims/expression.rs"]
mod expression;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| expression::check(text));
