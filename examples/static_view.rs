//! The static view of a sample in short: `cargo run --example static_view -- FILE…`.

use std::{error::Error, time::Instant};

use wasmspoor::module::view::{TextEncoding, View};

fn main() -> Result<(), Box<dyn Error>> {
    for path in std::env::args_os().skip(1) {
        let bytes = std::fs::read(&path)?;
        let begun = Instant::now();
        let view = View::of(&bytes);
        println!(
            "{}: {} bytes in {:.0?}, {:?}",
            path.display(),
            view.file.size,
            begun.elapsed(),
            view.validity
        );
        println!(
            "  sha256 {}, imphash {}, entropy {:.3}",
            view.file.sha256,
            view.file.imphash.as_deref().unwrap_or("none"),
            view.file.entropy
        );
        for anomaly in &view.anomalies {
            println!("  anomaly {} at {:#x}: {}", anomaly.kind, anomaly.offset, anomaly.detail);
        }
        let classes = view.classes;
        let (loops, blocks) = view
            .functions
            .iter()
            .fold((0, 0), |(loops, blocks), f| (loops + f.loops.len(), blocks + f.blocks));
        println!(
            "  {} functions, {} instructions, {blocks} blocks, {loops} loops",
            view.functions.len(),
            classes.total
        );
        println!(
            "  xor {}, rotate {}, nop {}, indirect calls {}",
            classes.xor, classes.rotate, classes.nop, classes.indirect_call
        );
        println!("  {} calls, {} dead functions", view.calls.edges.len(), view.calls.dead.len());
        let proposals: Vec<_> = view.proposals.iter().map(|proposal| proposal.name.as_str()).collect();
        println!("  proposals: {}", proposals.join(", "));
        for constant in &view.crypto {
            let place =
                constant.func.map_or("data".to_owned(), |func| view.name_of(func).escape_debug().to_string());
            println!(
                "  {} ({}/{}) at {:#x} in {place}",
                constant.name, constant.found, constant.of, constant.offset
            );
        }
        println!("  {} strings, {} more", view.strings.len(), view.strings_cut);
        for text in view.strings.iter().filter(|text| text.encoding != TextEncoding::Plain) {
            println!("  {}: {}", text.encoding, text.text.escape_debug());
        }
        for ioc in &view.iocs {
            println!("  {} ({}) {}", ioc.kind, ioc.encoding, ioc.value.escape_debug());
        }
    }
    Ok(())
}
