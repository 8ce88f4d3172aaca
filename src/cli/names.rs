//! Functions and exports as the command line names them.

use std::sync::Arc;

use wasmspoor::{
    analysis::Analysis,
    module::{FuncIndex, Module, demangled},
};

use super::{Exit, Failure, limits::EXPORTS_SHOWN};

/// The module of a sample, which was parsed for its analysis; parsed again only to say why it cannot be.
pub(super) fn module(analysis: &Analysis) -> Result<Arc<Module>, Failure> {
    let parsed = || Module::parse(Arc::clone(&analysis.wasm)).map(Arc::new);
    analysis.module().map_or_else(parsed, Ok).map_err(|error| Failure::new(Exit::Invalid, error))
}

/// `it exports …`, or that it exports none.
pub(super) fn exported(names: &[impl AsRef<str>]) -> String {
    match names.is_empty() {
        true => "it exports none".to_owned(),
        false => format!("it exports {}", listed(names)),
    }
}

/// `` `a`, `b` and 3 more ``.
fn listed(names: &[impl AsRef<str>]) -> String {
    let shown: Vec<_> = names.iter().take(EXPORTS_SHOWN).map(|name| format!("`{}`", name.as_ref())).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Names of the functions that a module exports.
pub(super) fn exports(module: &Module) -> Vec<&str> {
    let functions = module.exports().iter().filter(|export| export.func.is_some());
    functions.map(|export| &*export.name).collect()
}

/// What is said of an index that no function has.
fn no_index(module: &Module, index: u32) -> String {
    match (module.defined().next(), module.defined().last()) {
        (Some(first), Some(last)) => {
            format!("there is no function {index}; functions {first} to {last} have code")
        }
        _ => format!("there is no function {index}: no function of the module has code"),
    }
}

/// What is said of a name that no function has.
fn no_name(module: &Module, given: &str) -> String {
    let known: Vec<_> = module.defined().filter_map(|func| module.name(func)).collect();
    let known = if known.is_empty() { exports(module) } else { known };
    if known.is_empty() {
        return format!("there is no function `{given}`, and none has a name; give an index");
    }
    format!("there is no function `{given}`; there are {}", listed(&known))
}

/// The function that is meant by its index, or by its name among the exports or in the name section.
pub(super) fn function(module: &Module, given: &str) -> Result<FuncIndex, Failure> {
    let fail = |message: String| Err(Failure::new(Exit::NotExecutable, anyhow::anyhow!(message)));
    let count = module.functions();
    if let Ok(index) = given.parse() {
        return if index < count { Ok(FuncIndex(index)) } else { fail(no_index(module, index)) };
    }
    let exported = module.exports().iter().filter(|export| *export.name == *given);
    let named = (0..count).map(FuncIndex).filter(|func| is_called(module, *func, given));
    let mut found: Vec<_> = exported.filter_map(|export| export.func).chain(named).collect();
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [func] => Ok(func),
        [] => fail(no_name(module, given)),
        _ => {
            let indices: Vec<_> = found.iter().take(EXPORTS_SHOWN).map(FuncIndex::to_string).collect();
            fail(format!("`{given}` is the name of several functions; give an index: {}", indices.join(", ")))
        }
    }
}

/// The same, of a function that has code.
pub(super) fn defined(module: &Module, given: &str) -> Result<FuncIndex, Failure> {
    let func = function(module, given)?;
    match module.defined().any(|defined| defined == func) {
        true => Ok(func),
        false => Err(Failure::new(Exit::NotExecutable, anyhow::anyhow!(no_code(module, func)))),
    }
}

/// What is said of a function that has no code, with those that have.
fn no_code(module: &Module, func: FuncIndex) -> String {
    match (module.defined().next(), module.defined().last()) {
        (Some(first), Some(last)) => {
            format!("function {func} is imported and has no code; functions {first} to {last} have")
        }
        _ => format!("function {func} is imported: no function of the module has code"),
    }
}

/// Whether a function has this name, as the module or as its source has it.
fn is_called(module: &Module, func: FuncIndex, given: &str) -> bool {
    let name = module.name(func);
    name.is_some_and(|name| name == given || demangled(name).as_deref() == Some(given))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_index_export_and_name() {
        let text = r#"(module
          (import "a" "b" (func $imported))
          (func $inner)
          (func $twice (export "outer"))
          (func (@name "twice"))
          (func (@name "_Z3addii")))"#;
        let module = Module::parse(wat::parse_str(text).unwrap()).unwrap();
        for (given, expected) in
            [("0", 0), ("1", 1), ("imported", 0), ("inner", 1), ("outer", 2), ("add(int, int)", 4)]
        {
            assert_eq!(function(&module, given).unwrap(), FuncIndex(expected), "{given}");
        }
        for (given, said) in [
            ("5", "functions 1 to 4 have code"),
            ("4294967296", "there are `inner`"),
            ("x", "there are `inner`, `twice`, `twice`, `_Z3addii`"),
            ("twice", "give an index: 2, 3"),
        ] {
            let refused = function(&module, given).unwrap_err();
            assert_eq!(refused.exit, Exit::NotExecutable);
            assert!(refused.cause.to_string().contains(said), "{given}: {}", refused.cause);
        }
        let empty = Module::parse(wat::parse_str("(module)").unwrap()).unwrap();
        assert!(
            function(&empty, "0")
                .unwrap_err()
                .cause
                .to_string()
                .contains("no function of the module has code")
        );
    }

    #[test]
    fn a_long_list_is_counted() {
        assert_eq!(exported(&["a"; 22]), format!("it exports {} and 2 more", ["`a`"; 20].join(", ")));
        assert_eq!(exported(&[""; 0]), "it exports none");
    }
}
