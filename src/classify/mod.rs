//! Classifying runs by the WASI calls that they made.
//!
//! An [`Example`] is a run with a label. [`Vectorizer`] makes a row of numbers of it, and [`Model`] learns
//! from rows. [`ModelFile`] is a model with its papers; [`eval`] says how well all that does, and why one
//! should not believe it too soon. [`behaviour()`] is the model that ships, one reason of the verdict among
//! others.
//!
//! Not here: which category a call has (`categories`), how a sample is run (`sandbox`), what a prediction
//! counts for (`verdict`). Formats, figures and the commands that show them: `docs/classifier.md`.

mod behaviour;
mod card;
mod error;
pub mod eval;
pub mod features;
mod file;
mod limits;
pub mod matrix;
pub mod model;
mod random;
pub mod runs;
pub mod sample;
pub mod trace;
mod training;

pub use behaviour::{behaviour, model as behaviour_model};
pub use error::Error;
pub use features::{Features, Vectorizer};
pub use file::{HeldOut, MAX_MODEL_BYTES, ModelFile, Prediction, TrainingOptions};
pub use matrix::Matrix;
pub use model::{Model, ModelKind};
pub use sample::Example;
pub use training::Training;
