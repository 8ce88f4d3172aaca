//! Makes the table of library functions that ships (`rules/libraries.bin`), and measures it.
//!
//! ```text
//! cargo run --profile tail --example libraries -- make OUT SOURCE...
//! cargo run --profile tail --example libraries -- measure TABLE MODULE...
//! ```
//!
//! A source is `LIBRARY=MODULE`, a module with names. `LIBRARY` is that of all functions which their names do
//! not give to another, or `*` if the module is a program. Of a program only functions are taken that their
//! names give to a library. But all count when it comes to what has two names. `.ci/libraries` fetches the
//! sources and calls this.
//!
//! To measure, a module is looked at as if it had no names, and then these are compared. It must not be among
//! the sources.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    error::Error,
    fs,
};

use wasmspoor::module::{
    demangled,
    view::{Fingerprint, Function, fingerprints},
};

/// Operators that a function must have: what is shorter is alike in too many libraries.
const LEAST: u32 = 12;
/// Those of a function of Rust or C++, where one text makes many functions.
const LEAST_OF_MANY: u32 = 30;
/// Those of a function whose callees are counted in.
const LEAST_WITH_CALLEES: u32 = 8;
/// Bytes of the packed table.
const ROOM: usize = 300_000;

/// First words of paths of Rust's own crates, and of those that come with its standard library.
const RUST: &[&str] = &[
    "core",
    "alloc",
    "std",
    "hashbrown",
    "dlmalloc",
    "compiler_builtins",
    "rustc_demangle",
    "gimli",
    "addr2line",
    "miniz_oxide",
    "memchr",
    "object",
    "panic_abort",
    "__rustc",
];

/// Crates that many programs have.
const CRATES: &[&str] = &[
    "serde",
    "serde_json",
    "regex",
    "regex_automata",
    "regex_syntax",
    "aho_corasick",
    "wasm_bindgen",
    "js_sys",
    "indexmap",
    "smallvec",
    "itoa",
    "ryu",
    "flate2",
    "anyhow",
    "bumpalo",
    "unicode_width",
    "pulldown_cmark",
    "toml_edit",
    "winnow",
    "num_bigint",
    "getrandom",
    "rand",
    "rand_core",
    "sha2",
    "talc",
    "lol_alloc",
];

/// Beginnings of names in C, and the libraries whose they are.
const PREFIXES: &[(&str, &str)] = &[
    ("sqlite3", "SQLite"),
    ("inflate", "zlib"),
    ("deflate", "zlib"),
    ("adler32", "zlib"),
    ("crc32", "zlib"),
    ("compress", "zlib"),
    ("uncompress", "zlib"),
    ("gz", "zlib"),
    ("BZ2_", "bzip2"),
    ("crypto_", "libsodium"),
    ("sodium_", "libsodium"),
    ("JS_", "QuickJS"),
    ("js_", "QuickJS"),
    ("lre_", "QuickJS"),
    ("bf_", "QuickJS"),
    ("Py", "CPython"),
    ("_Py", "CPython"),
    ("ffi_", "libffi"),
    ("lzma_", "liblzma"),
    ("emscripten_", "Emscripten"),
    ("_emscripten_", "Emscripten"),
    ("SSL_", "OpenSSL"),
    ("EVP_", "OpenSSL"),
    ("mbedtls_", "Mbed TLS"),
    ("png_", "libpng"),
    ("jpeg_", "libjpeg"),
    ("XML_", "Expat"),
    ("ZSTD_", "zstd"),
    ("LZ4_", "LZ4"),
    ("Brotli", "Brotli"),
    ("FT_", "FreeType"),
    ("hb_", "HarfBuzz"),
    ("lua_", "Lua"),
    ("luaL_", "Lua"),
];

/// A function with its name, as a person writes it.
struct Named {
    name: String,
    fingerprint: Fingerprint,
}

/// The name without what linkers and compilers add to it.
fn plain(function: &Function) -> Option<String> {
    let name = function.name.as_deref()?;
    let name = demangled(name).unwrap_or_else(|| name.to_owned());
    let name = name.split(".llvm.").next().unwrap_or_default();
    let end = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let name = end.strip_suffix('.').unwrap_or(name);
    let is_text = !name.is_empty() && name.len() <= 160 && name.chars().all(|letter| !letter.is_control());
    is_text.then(|| name.to_owned())
}

/// The common part of two names of one function. `__memcpy`, `_memcpy` and `memcpy` are one, and so are what
/// two ways to mangle make of `Formatter::debug_map`.
fn key(name: &str) -> String {
    if name.contains("::") {
        return without_generics(name).replace("serde_core::", "serde::");
    }
    let name = name.strip_prefix("emscripten_builtin_").unwrap_or(name).trim_start_matches('_');
    let name = name.strip_prefix("dl").filter(|rest| ALLOCATOR.contains(rest)).unwrap_or(name);
    name.to_owned()
}

/// A path in Rust or C++ without arguments of types: `<core::fmt::Formatter>::f::<u8>` is
/// `core::fmt::Formatter::f`. What says `as` or `for` stays: that is which trait it is of.
fn without_generics(name: &str) -> String {
    let (mut out, mut open): (String, Vec<usize>) = (String::new(), Vec::new());
    for letter in name.chars() {
        match letter {
            '<' => {
                open.push(out.len());
                out.push('<');
            }
            '>' if !out.ends_with('-') => {
                let Some(from) = open.pop() else { continue };
                let inner = out[from + 1..].to_owned();
                let is_trait = inner.contains(" as ") || inner.contains(" for ");
                match (is_trait, from == 0 || out[..from].ends_with(['<', '&', ' '])) {
                    (true, _) => out.push('>'),
                    (false, true) => out.replace_range(from.., &inner),
                    (false, false) => out.truncate(out[..from].trim_end_matches("::").len()),
                }
            }
            letter => out.push(letter),
        }
    }
    out.replace("inner::", "")
}

/// What compilers write for a type, alike for a thousand types.
fn is_glue(name: &str) -> bool {
    name.contains("drop_in_place")
        || name.contains("core::fmt::Debug")
        || name.contains("core::fmt::Display")
        || name.contains("{{")
        || name.contains("drop_slow")
        || name.contains("Drop")
}

const ALLOCATOR: &[&str] =
    &["malloc", "free", "calloc", "realloc", "memalign", "posix_memalign", "malloc_usable_size"];

fn functions(path: &str) -> Result<Vec<Named>, Box<dyn Error>> {
    let wasm = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let named = fingerprints(&wasm).into_iter();
    let named =
        named.filter_map(|(function, fingerprint)| Some(Named { name: plain(&function)?, fingerprint }));
    Ok(named.filter(|function| function.fingerprint.own != 0).collect())
}

/// The library that a name alone says, `in_c` being the names of the C library.
fn library(name: &str, in_c: &BTreeSet<String>) -> Option<String> {
    let path = name.trim_start_matches(['<', '&', '*', '[', '(']);
    let path =
        ["mut ", "dyn ", "const "].iter().fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
    let is_cpp = name.contains('(') && !name.starts_with('<');
    let of_cpp = ["std::", "__cxxabiv1::", "operator new", "operator delete", "void std::", "bool std::"];
    if is_cpp && of_cpp.iter().any(|prefix| name.starts_with(prefix)) {
        return Some("C++ library".to_owned());
    }
    if let Some((first, _)) = path.split_once("::").filter(|_| !is_cpp) {
        if RUST.contains(&first) {
            return Some("Rust std".to_owned());
        }
        return CRATES.contains(&first).then(|| format!("crate {first}"));
    }
    if in_c.contains(&key(name)) {
        return Some("C library".to_owned());
    }
    let found = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map(|(_, library)| (*library).to_owned())
}

/// By key: the library, the name to show and in how many modules it was.
type ByKey = BTreeMap<String, (Option<String>, String, usize)>;

/// What is known of each fingerprint.
#[derive(Default)]
struct Known(HashMap<u64, ByKey>);

impl Known {
    fn add(&mut self, hash: u64, name: &str, library: Option<&str>) {
        let one =
            self.0.entry(hash).or_default().entry(key(name)).or_insert_with(|| (None, name.to_owned(), 0));
        one.2 += 1;
        if one.0.is_none() {
            one.0 = library.map(str::to_owned);
        }
        if name.len() < one.1.len() {
            one.1 = name.to_owned();
        }
    }

    /// The name of a hash that has one alone, and it a library.
    fn only(&self, hash: u64) -> Option<(&str, &str, usize)> {
        let names = self.0.get(&hash)?;
        let (library, name, count) = names.values().next().filter(|_| names.len() == 1)?;
        Some((library.as_deref()?, name, *count))
    }
}

fn least(name: &str, in_c: u32) -> u32 {
    if name.contains("::") { LEAST_OF_MANY } else { in_c }
}

/// A name in the table: its library, its name, its hashes, each with the number of modules that it was in.
type Rows = BTreeMap<(String, String), BTreeMap<u64, usize>>;

fn make(out: &str, sources: &[String]) -> Result<(), Box<dyn Error>> {
    let mut read = Vec::new();
    for source in sources {
        let (library, path) = source.split_once('=').ok_or("a source is LIBRARY=MODULE")?;
        read.push((library, functions(path)?));
    }
    let in_c = read.iter().filter(|(library, _)| *library == "C library");
    let in_c: BTreeSet<_> = in_c.flat_map(|(_, found)| found.iter().map(|one| key(&one.name))).collect();
    let (mut own, mut with_callees, mut sizes) = (Known::default(), Known::default(), HashMap::new());
    for (given, found) in &read {
        for Named { name, fingerprint } in found {
            let library = library(name, &in_c).or_else(|| (*given != "*").then(|| (*given).to_owned()));
            own.add(fingerprint.own, name, library.as_deref());
            if fingerprint.with_callees != 0 {
                with_callees.add(fingerprint.with_callees, name, library.as_deref());
                sizes.insert(fingerprint.with_callees, (fingerprint.own, fingerprint.operators));
            }
            sizes.insert(fingerprint.own, (fingerprint.own, fingerprint.operators));
        }
    }
    let mut rows = Rows::new();
    let mut take = |hash, (library, name, count): (&str, &str, usize)| {
        rows.entry((library.to_owned(), name.to_owned())).or_default().insert(hash, count);
    };
    for (&hash, &(of, operators)) in &sizes {
        let alone = own.only(of).filter(|(_, name, _)| operators >= least(name, LEAST));
        let found = match (alone, hash == of) {
            (alone, true) => alone,
            (Some(_), false) => None,
            (None, false) => {
                let found = with_callees.only(hash);
                found.filter(|(_, name, _)| operators >= least(name, LEAST_WITH_CALLEES))
            }
        };
        found.filter(|(_, name, _)| !is_glue(name)).into_iter().for_each(|found| take(hash, found));
    }
    let packed = pack(&rows)?;
    fs::write(out, &packed)?;
    let hashes: usize = rows.values().map(BTreeMap::len).sum();
    println!("{} names, {hashes} fingerprints, {} bytes", rows.len(), packed.len());
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    rows.iter().for_each(|((library, _), hashes)| *by.entry(library).or_default() += hashes.len());
    by.iter().for_each(|(library, hashes)| println!("{hashes:7} {library}"));
    Ok(())
}

/// The table (`src/module/view/libraries.rs` has its layout). If there is no room, fingerprints that one
/// module alone has are left out, those of the longest names first.
fn pack(rows: &Rows) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut longest = usize::MAX;
    loop {
        let (mut text, mut lines, mut known) = (String::new(), 0, BTreeMap::new());
        for ((library, name), hashes) in rows {
            let kept = hashes.iter().filter(|(_, count)| **count > 1 || name.len() <= longest);
            let before = known.len();
            known.extend(kept.map(|(&hash, _)| (hash, lines)));
            if known.len() > before {
                text.push_str(&format!("{library}\t{name}\n"));
                lines = u16::checked_add(lines, 1).ok_or("too many names")?;
            }
        }
        let mut packed = u32::try_from(known.len())?.to_le_bytes().to_vec();
        known.keys().for_each(|hash| packed.extend(&hash.to_be_bytes()[2..]));
        known.values().for_each(|line| packed.extend(line.to_le_bytes()));
        packed.extend(zstd::bulk::compress(text.as_bytes(), 19)?);
        if packed.len() <= ROOM {
            return Ok(packed);
        }
        longest = longest.min(160).checked_sub(8).ok_or("the table has no room")?;
    }
}

/// A table as it was written.
struct Table {
    names: BTreeSet<String>,
    hashes: HashMap<u64, String>,
}

impl Table {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (&count, rest) = bytes.split_first_chunk()?;
        let count = u32::from_le_bytes(count) as usize;
        let (hashes, rest) = rest.split_at_checked(count * 6)?;
        let (numbers, packed) = rest.split_at_checked(count * 2)?;
        let text = String::from_utf8(zstd::bulk::decompress(packed, 4 << 20).ok()?).ok()?;
        let names: Vec<_> = text.lines().filter_map(|line| Some(line.split_once('\t')?.1)).collect();
        let hash = |hash: &[u8; 6]| hash.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let name = |number: &[u8; 2]| names.get(usize::from(u16::from_le_bytes(*number)));
        let rows = hashes.as_chunks().0.iter().zip(numbers.as_chunks().0);
        let hashes = rows.filter_map(|(of, number)| Some((hash(of), (*name(number)?).to_owned()))).collect();
        Some(Self { names: names.into_iter().map(key).collect(), hashes })
    }

    fn find(&self, fingerprint: &Fingerprint) -> Option<&str> {
        let found = self.hashes.get(&fingerprint.own);
        found.or_else(|| self.hashes.get(&fingerprint.with_callees)).map(String::as_str)
    }
}

fn measure(table: &str, modules: &[String]) -> Result<(), Box<dyn Error>> {
    let table = Table::parse(&fs::read(table)?).ok_or("no table")?;
    let (mut right, mut wrong, mut all) = (0, 0, 0);
    for path in modules {
        let wasm = fs::read(path)?;
        let (mut good, mut bad, mut of_library, mut named) = (0, 0, 0, 0);
        for (function, fingerprint) in fingerprints(&wasm) {
            let Some(name) = plain(&function) else { continue };
            named += 1;
            of_library += u32::from(library(&name, &table.names).is_some());
            let Some(found) = table.find(&fingerprint) else { continue };
            if key(found) == key(&name) {
                good += 1;
            } else {
                bad += 1;
                println!("  {path}: {name} is taken for {found} ({} operators)", fingerprint.operators);
            }
        }
        println!("{path}: {named} named, {of_library} of libraries, {good} right, {bad} wrong");
        (right, wrong, all) = (right + good, wrong + bad, all + of_library);
    }
    let percent = |part: u32, whole: u32| f64::from(part) * 100.0 / f64::from(whole.max(1));
    println!(
        "precision {:.2} % ({right} of {}), recall {:.1} % of {all}",
        percent(right, right + wrong),
        right + wrong,
        percent(right, all)
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((word, [out, sources @ ..])) if word == "make" => make(out, sources),
        Some((word, [table, modules @ ..])) if word == "measure" => measure(table, modules),
        _ => Err("make OUT LIBRARY=MODULE... or measure TABLE MODULE...".into()),
    }
}
