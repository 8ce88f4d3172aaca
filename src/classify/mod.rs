//! Classifying runs by the calls that they made.

mod error;
pub mod matrix;
pub mod model;
mod random;

pub use error::Error;
pub use matrix::Matrix;
pub use model::{Kind, Model};
