//! Tests of the whole view.
