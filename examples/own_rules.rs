//! Analyses samples with rules of your own: `cargo run --example own_rules -- RULES SAMPLE…`.
//!
//! Prints each match with whether the run proved it, its severity and what decided.

use std::{env, error::Error, fs};

use wasmspoor::{
    analysis::Analysis,
    rules::{Evidence, Set},
    sandbox,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let rules = arguments.next().ok_or("a folder of rules is missing")?;
    let set = Set::load_only(&[rules])?;
    for sample in arguments {
        let analysis = Analysis::of(&fs::read(&sample)?, &sandbox::RunOptions::default(), &set);
        let executed = analysis.dynamic.metrics.classes.total;
        println!("{sample}: {executed} instructions executed, {} rules match", analysis.rules.len());
        for found in &analysis.rules {
            let proof = if found.dynamic { "run " } else { "code" };
            println!(
                "  {} {proof} {}/{}: {}",
                found.severity,
                found.namespace,
                found.name,
                decisive(&found.evidence)
            );
        }
    }
    Ok(())
}

/// The statements at the leaves, with what they found.
fn decisive(evidence: &Evidence) -> String {
    if evidence.parts.is_empty() {
        return format!("[{}] {}", evidence.statement, evidence.found.as_deref().unwrap_or(""));
    }
    evidence.parts.iter().map(decisive).collect::<Vec<_>>().join(" ")
}
