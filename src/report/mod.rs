//! Reports: an [`crate::analysis::Analysis`] as text, JSON, SARIF, CSV, graphs and coverage files. Same analysis, same bytes.
