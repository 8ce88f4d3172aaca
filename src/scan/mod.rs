//! Batches: thousands of samples, each in a process of its own.
pub mod confine;
pub mod describe;
pub mod features;
pub mod frame;
pub mod rows;
pub mod sketch;
pub mod unpack;
