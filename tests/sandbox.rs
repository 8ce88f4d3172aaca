//! The sandbox as an embedder uses it: what a sample sees, what is logged, how entry points are driven; hostile samples; and, where they
//! are at hand, real ones.

#[path = "sandbox/shared.rs"]
mod shared;
