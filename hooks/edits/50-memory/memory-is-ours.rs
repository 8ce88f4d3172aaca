    pub use crate::lazy::Memory as CoreMemory;
