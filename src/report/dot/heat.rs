//! Colours by share of the run, widths of edges by count.

/// Shares of the run from which on a function or block has a colour, hottest first.
pub(super) const HEAT: [(f64, &str, &str); 5] = [
    (0.2, "20 % of the run or more", "fillcolor=\"#d7301f\", fontcolor=white"),
    (0.05, "5 %", "fillcolor=\"#fc8d59\""),
    (0.01, "1 %", "fillcolor=\"#fdbb84\""),
    (0.001, "0.1 %", "fillcolor=\"#fdd49e\""),
    (0.0, "executed", "fillcolor=\"#fff7ec\""),
];

/// The colour of a share.
pub(super) fn heat(share: f64) -> &'static str {
    HEAT.iter().find(|(least, ..)| share >= *least).map_or("", |(.., colour)| colour)
}

/// The width of an edge by how often it was taken.
pub(super) fn width(count: u64) -> f64 {
    (1.0 + (count.max(1) as f64).log10() / 1.5).min(6.0)
}
