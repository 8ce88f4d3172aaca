//! Metamorphic tests: a change that keeps what a module does keeps what is said of it, class and family.
//!
//! Exports get other names, `nop` stand between the instructions, functions stand in the reverse order, and
//! custom sections are gone. Where `wasm-opt` is installed, its `-O3` has worked on it.

mod common;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use wasm_encoder::{
    CodeSection, ExportSection, FunctionSection, Instruction, Module,
    reencode::{Error, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, Export, ExternalKind, FunctionBody, FunctionSectionReader,
    Parser, Payload, TypeRef,
};
use wasmspoor::{analysis::Analysis, rules, sandbox, verdict::Class};
use wasmspoor_needs::needs;

/// Instructions between two `nop`.
const SPACING: usize = 8;
/// Exports that hosts know by their names.
const KNOWN: &[&str] = &["_start", "_initialize", "main", "_main", "memory", "wasi_thread_start"];

/// What is done to a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Renamed,
    Padded,
    Reversed,
    Stripped,
}

impl Change {
    const ALL: [Self; 4] = [Self::Renamed, Self::Padded, Self::Reversed, Self::Stripped];

    fn applied(self, wasm: &[u8]) -> Vec<u8> {
        let (imported, defined) = functions(wasm);
        let mut changer = Changer { change: self, imported, defined, exports: 0 };
        let mut module = Module::new();
        changer.parse_core_module(&mut module, Parser::new(0), wasm).expect("a module that can be written");
        module.finish()
    }
}

/// How many functions a module imports, and how many it defines.
fn functions(wasm: &[u8]) -> (u32, u32) {
    let (mut imported, mut defined) = (0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("a module") {
            Payload::ImportSection(section) => {
                let imports = section.into_imports().map(|import| import.expect("an import"));
                imported = imports.filter(|import| matches!(import.ty, TypeRef::Func(_))).count() as u32;
            }
            Payload::FunctionSection(section) => defined = section.count(),
            _ => {}
        }
    }
    (imported, defined)
}

struct Changer {
    change: Change,
    imported: u32,
    defined: u32,
    /// Exports renamed so far.
    exports: u32,
}

type Done = Result<(), Error<Infallible>>;

impl Reencode for Changer {
    type Error = Infallible;

    fn function_index(&mut self, func: u32) -> Result<u32, Error<Infallible>> {
        let is_moved = self.change == Change::Reversed && func >= self.imported;
        Ok(if is_moved { 2 * self.imported + self.defined - 1 - func } else { func })
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Done {
        let mut types = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        if self.change == Change::Reversed {
            types.reverse();
        }
        for ty in types {
            functions.function(self.type_index(ty)?);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Done {
        let mut bodies = section.into_iter().collect::<Result<Vec<_>, _>>()?;
        if self.change == Change::Reversed {
            bodies.reverse();
        }
        bodies.into_iter().try_for_each(|body| self.parse_function_body(code, body))
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Done {
        if self.change != Change::Padded {
            return utils::parse_function_body(self, code, body);
        }
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut operators = body.get_operators_reader()?;
        for position in 1.. {
            if operators.eof() {
                break;
            }
            if position % SPACING == 0 {
                function.instruction(&Instruction::Nop);
            }
            function.instruction(&self.parse_instruction(&mut operators)?);
        }
        code.function(&function);
        Ok(())
    }

    fn parse_export(&mut self, exports: &mut ExportSection, export: Export<'_>) -> Done {
        let is_renamed = self.change == Change::Renamed
            && export.kind == ExternalKind::Func
            && !KNOWN.contains(&export.name);
        let name = format!("x{}", self.exports);
        self.exports += 1;
        utils::parse_export(
            self,
            exports,
            Export { name: if is_renamed { &name } else { export.name }, ..export },
        )
    }

    fn parse_custom_section(&mut self, module: &mut Module, section: CustomSectionReader<'_>) -> Done {
        // Names of functions are in the order of their indices.
        match self.change {
            Change::Reversed | Change::Stripped => Ok(()),
            Change::Renamed | Change::Padded => utils::parse_custom_section(self, module, section),
        }
    }
}

/// Class and family.
type Said = (Class, Option<String>);

fn said(wasm: &[u8], rules: &rules::Set) -> Said {
    let analysis = Analysis::of(wasm, &sandbox::RunOptions::default(), rules);
    (analysis.verdict.class, analysis.verdict.family.map(|family| family.to_string()))
}

/// Names are evidence, so without them a class may be lower, but a hostile sample stays one of its family.
fn is_kept(change: Change, before: &Said, after: &Said) -> bool {
    match change {
        Change::Renamed | Change::Stripped | Change::Reversed if before.0 >= Class::PotentiallyUnwanted => {
            after.0 >= Class::PotentiallyUnwanted && before.1 == after.1
        }
        _ => before == after,
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Samples that say what the verdict on them is, and can be written again.
fn samples() -> BTreeMap<String, Vec<u8>> {
    let says_a_verdict = |text: &str| text.lines().take(3).any(|line| line.contains("verdict="));
    let files = common::files(&corpus(), "wat").into_iter();
    let texts = files.map(|path| {
        (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
    });
    texts
        .filter(|(_, text)| says_a_verdict(text))
        .filter_map(|(name, text)| Some((name, wat::parse_str(text).ok()?)))
        .filter(|(_, wasm)| Parser::is_core_wasm(wasm) && wasmparser::validate(wasm).is_ok())
        .collect()
}

/// Samples that are about what a change takes away, and why.
const ABOUT: &[(&str, Change, &str)] = &[
    ("browser-cryptojack", Change::Renamed, "its names are all there is of it: it runs 231 instructions"),
    ("wasi-preview2", Change::Renamed, "its host calls `wasi:cli/run` by that name"),
    ("randomx-light", Change::Renamed, "a gap: one constant of RandomX is not enough without names"),
];

/// `ONLY=name` checks the samples whose name contains that.
#[test]
fn what_is_said_of_the_corpus_survives_changes_that_keep_the_meaning() {
    let only = std::env::var("ONLY").unwrap_or_default();
    let rules = rules::Set::builtin();
    let mut wrong = Vec::new();
    for (name, wasm) in samples().into_iter().filter(|(name, _)| name.contains(&only)) {
        let before = said(&wasm, &rules);
        for change in Change::ALL {
            if ABOUT.iter().any(|(about, of, _)| *about == name && *of == change) {
                continue;
            }
            let after = said(&change.applied(&wasm), &rules);
            if !is_kept(change, &before, &after) {
                wrong.push(format!("{name} {change:?}: {before:?} became {after:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// At least nine of ten miners are found whatever is done to them: each without its names, and with one of
/// the other changes.
#[test]
#[ignore = "takes minutes: cargo test --profile tail --test metamorphic -- --ignored miners"]
fn miners_stay_miners() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/samples");
    let list = fs::read_to_string(folder.join("hostile.csv")).expect("it needs ../shared/samples");
    let kinds = ["cryptonight", "cryptonight-like", "equihash", "randomx"];
    let is_miner = |line: &&str| line.split(',').any(|field| kinds.contains(&field));
    let miners = list.lines().filter(is_miner).filter_map(|line| line.split(',').next());
    let rules = rules::Set::builtin();
    let mut found: BTreeMap<String, (usize, Vec<String>)> = BTreeMap::new();
    for (position, name) in miners.enumerate() {
        let wasm = fs::read(folder.join("hostile").join(name)).unwrap();
        let others = [Change::Padded, Change::Reversed, Change::Stripped];
        for change in [Change::Renamed, others[position % others.len()]] {
            let (class, family) = said(&change.applied(&wasm), &rules);
            let (count, lost) = found.entry(format!("{change:?}")).or_default();
            *count += 1;
            let is_found = matches!(family.as_deref(), Some("miner" | "cryptojacker"));
            if class < Class::PotentiallyUnwanted || !is_found {
                lost.push(format!("{name} {change:?}: {class:?}, {family:?}"));
            }
        }
    }
    assert_eq!(found.len(), 4, "{found:?}");
    for (count, lost) in found.values() {
        assert!(lost.len() * 10 <= *count, "{}", lost.join("\n"));
    }
}

/// An optimiser changes what code looks like most of all.
#[needs("wasm-opt")]
#[test]
fn what_is_said_of_the_corpus_survives_optimisation() {
    let rules = rules::Set::builtin();
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from.wasm"), folder.path().join("to.wasm"));
    let mut wrong = Vec::new();
    for (name, wasm) in samples() {
        fs::write(&from, &wasm).unwrap();
        let optimised =
            Command::new("wasm-opt").args(["-O3", "-all", "-o"]).args([&to, &from]).output().unwrap();
        if !optimised.status.success() {
            continue;
        }
        let (before, after) = (said(&wasm, &rules), said(&fs::read(&to).unwrap(), &rules));
        // What does nothing is taken out, and with it what was said of it.
        if before.0 >= Class::PotentiallyUnwanted
            && (after.0 < Class::PotentiallyUnwanted || before.1 != after.1)
        {
            wrong.push(format!("{name}: {before:?} became {after:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
