//! The baseline: the best rule on one or two calls, such as "`args_get` occurs and `clock_time_get` occurs".
//!
//! A classifier that is no better than this has learnt no more than this. The rule is chosen on the training
//! half by its number of right labels; simpler rules win ties, then names.

use std::{collections::BTreeSet, fmt};

use super::super::Example;
use super::limits::MAX_CALLS;

/// Whether a call occurs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Literal {
    call: String,
    occurs: bool,
}

/// A rule that holds if all of its literals do; then a sample is called malicious.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaselineRule(Vec<Literal>);

impl fmt::Display for BaselineRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, literal) in self.0.iter().enumerate() {
            let and = if index > 0 { " and " } else { "" };
            let not = if literal.occurs { "" } else { "no " };
            write!(f, "{and}{not}{}", literal.call)?;
        }
        Ok(())
    }
}

/// A set of samples, a bit for each.
type Bits = Vec<u64>;

/// Two literals for each call: it occurs, and it does not. Each comes with the samples on which it holds.
fn literals(samples: &[&Example]) -> Vec<(Literal, Bits)> {
    let calls: BTreeSet<&str> = samples.iter().flat_map(|sample| &sample.calls).map(String::as_str).collect();
    let both = |call: &str| [true, false].map(|occurs| Literal { call: call.to_owned(), occurs });
    let with_samples = |literal: Literal| {
        let holds = bits(samples, |sample| sample.calls.contains(&literal.call) == literal.occurs);
        (literal, holds)
    };
    calls.into_iter().take(MAX_CALLS).flat_map(both).map(with_samples).collect()
}

impl BaselineRule {
    /// Whether the rule calls a sample malicious.
    pub fn predict(&self, sample: &Example) -> bool {
        self.0.iter().all(|literal| sample.calls.contains(&literal.call) == literal.occurs)
    }

    /// The rule with the most right labels; `None` without calls.
    pub fn best(samples: &[&Example]) -> Option<Self> {
        let literals = literals(samples);
        let malicious = bits(samples, |sample| sample.malicious);
        let mut best: Option<(u32, Self)> = None;
        let mut offer = |wrong: u32, rule: &dyn Fn() -> Self| {
            if best.as_ref().is_none_or(|(least, _)| wrong < *least) {
                best = Some((wrong, rule()));
            }
        };
        for (literal, holds) in &literals {
            offer(differ(holds.iter().copied(), &malicious), &|| Self(vec![literal.clone()]));
        }
        for (index, (a, a_holds)) in literals.iter().enumerate() {
            for (b, b_holds) in &literals[index + 1..] {
                let both = a_holds.iter().zip(b_holds).map(|(a, b)| a & b);
                offer(differ(both, &malicious), &|| Self(vec![a.clone(), b.clone()]));
            }
        }
        best.map(|(_, rule)| rule)
    }
}

fn bits(samples: &[&Example], holds: impl Fn(&Example) -> bool) -> Bits {
    let mut bits = vec![0; samples.len().div_ceil(64)];
    for (index, sample) in samples.iter().enumerate() {
        bits[index / 64] |= u64::from(holds(sample)) << (index % 64);
    }
    bits
}

fn differ(a: impl Iterator<Item = u64>, b: &Bits) -> u32 {
    a.zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(malicious: bool, calls: &[&str]) -> Example {
        let calls = calls.iter().map(|&call| call.to_owned()).collect();
        Example { name: String::new(), malicious, origin: String::new(), calls, trace: None }
    }

    #[test]
    fn the_simplest_best_rule_is_found() {
        let one = [sample(true, &["a", "b"]), sample(false, &["b"]), sample(true, &["a"])];
        let two = [
            sample(true, &["a", "b"]),
            sample(false, &["a"]),
            sample(false, &["b"]),
            sample(true, &["a", "b", "c"]),
        ];
        let absent = [sample(true, &["a"]), sample(false, &["a", "b"]), sample(false, &["b"])];
        for (samples, rule) in [(&one[..], "a"), (&two, "a and b"), (&absent, "no b")] {
            let found = BaselineRule::best(&samples.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!(found.to_string(), rule);
            assert!(samples.iter().all(|sample| found.predict(sample) == sample.malicious), "{rule}");
        }
        assert_eq!(BaselineRule::best(&[]), None);
    }
}
