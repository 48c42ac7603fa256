//! The execution state machine, driven through interleavings and crashes.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

mod behaviours;
mod drawing;
mod golden;
mod hand;
mod properties;
mod repair;
mod scale;
mod sim;
