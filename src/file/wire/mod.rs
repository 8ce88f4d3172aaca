//! Wire.

#[cfg(test)]
mod tests;
