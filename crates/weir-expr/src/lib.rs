//! The JavaScript expression language: an evaluator without I/O, clock or randomness.
