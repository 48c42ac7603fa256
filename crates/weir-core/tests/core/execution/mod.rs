//! The execution state machine, driven through interleavings and crashes.

mod behaviours;
mod drawing;
mod golden;
mod hand;
mod properties;
mod repair;
mod scale;
mod sim;
