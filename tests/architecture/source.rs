//! The files of `src/`, and which file names which other: from tokens, so that comments and strings do not
//! count.
//!
//! A path is followed through `use` lines and re-exports to the file that defines what it names. Code under
//! `#[cfg(test)]` is left out, and so is a re-export of a folder's own files: that is its face, not a need.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// A module's path from the crate's root.
pub(crate) type Name = Vec<String>;

/// How many `use` lines a name is followed through.
const MAX_STEPS: usize = 32;

/// One file names something of another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arrow {
    pub(crate) from: String,
    pub(crate) line: usize,
    pub(crate) to: String,
    /// The path that the line leads to, as from the crate's root.
    pub(crate) path: String,
}

/// A path as found, made absolute.
struct Found {
    module: Name,
    file: String,
    line: usize,
    path: Name,
    /// From a `pub use`.
    shown: bool,
}

/// Every module of `src/`, and every path in it.
#[derive(Default)]
pub(crate) struct Tree {
    /// Which file a module stands in.
    modules: BTreeMap<Name, String>,
    /// What a module brings into scope: the name, and the path that it stands for.
    names: BTreeMap<Name, BTreeMap<String, Name>>,
    /// Modules all of whose names a module brings into scope.
    globs: BTreeMap<Name, Vec<Name>>,
    found: Vec<Found>,
}

impl Tree {
    /// Reads every file that `src/lib.rs` and `src/main.rs` lead to.
    pub(crate) fn read(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.file(root, "src/lib.rs", Vec::new());
        let face = tree.modules.remove(&Vec::new());
        tree.file(root, "src/main.rs", Vec::new());
        tree.modules.extend(face.map(|file| (Vec::new(), file)));
        tree
    }

    /// The files read, in order.
    pub(crate) fn files(&self) -> BTreeSet<&str> {
        self.modules.values().map(String::as_str).collect()
    }

    fn file(&mut self, root: &Path, file: &str, module: Name) {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        self.modules.insert(module.clone(), file.to_owned());
        let folder = match file.strip_suffix("/mod.rs").or_else(|| file.strip_suffix("/lib.rs")) {
            Some(folder) => folder.to_owned(),
            None => file.strip_suffix("/main.rs").or(file.strip_suffix(".rs")).unwrap_or(file).to_owned(),
        };
        for child in self.tokens(tokens, file, &module) {
            let beside = format!("{folder}/{child}.rs");
            let inside = format!("{folder}/{child}/mod.rs");
            let path = if root.join(&beside).exists() { beside } else { inside };
            let name = module.iter().cloned().chain([child]).collect();
            self.file(root, &path, name);
        }
    }

    /// Takes the paths of one list of tokens; gives the modules that stand in files of their own.
    fn tokens(&mut self, tokens: TokenStream, file: &str, module: &Name) -> Vec<String> {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut children = Vec::new();
        let mut at = 0;
        let mut public = false;
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    at += if is_test(tokens.get(at + 1)) { item_len(&tokens[at..]) } else { 1 };
                    continue;
                }
                TokenTree::Ident(word) if word == "pub" => {
                    public = true;
                    let scoped = matches!(tokens.get(at + 1), Some(TokenTree::Group(group))
                        if group.delimiter() == Delimiter::Parenthesis);
                    at += if scoped { 2 } else { 1 };
                    continue;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    at += self.module(&tokens[at..], file, module, &mut children);
                }
                TokenTree::Ident(word) if word == "use" && !is_mark(tokens.get(at + 1), '<') => {
                    let end = tokens[at..].iter().position(|token| is_mark(Some(token), ';'));
                    let end = at + end.expect("`use` ends");
                    self.tree(&tokens[at + 1..end], file, module, public, &mut Vec::new());
                    at = end;
                }
                TokenTree::Ident(word) => {
                    let (path, len) = path_at(&tokens[at..]);
                    if path.len() > 1 {
                        self.add(path, file, module, word.span().start().line, false);
                    }
                    at += len;
                }
                TokenTree::Group(group) => {
                    children.extend(self.tokens(group.stream(), file, module));
                    at += 1;
                }
                _ => at += 1,
            }
            public = false;
        }
        children
    }

    /// `mod name;` or `mod name { … }`, and how many tokens it takes.
    fn module(
        &mut self,
        tokens: &[TokenTree],
        file: &str,
        module: &Name,
        children: &mut Vec<String>,
    ) -> usize {
        let Some(TokenTree::Ident(name)) = tokens.get(1) else { return 1 };
        match tokens.get(2) {
            Some(TokenTree::Group(group)) => {
                let inner: Name = module.iter().cloned().chain([name.to_string()]).collect();
                self.modules.insert(inner.clone(), file.to_owned());
                self.tokens(group.stream(), file, &inner);
                3
            }
            token if is_mark(token, ';') => {
                children.push(name.to_string());
                3
            }
            _ => 2,
        }
    }

    /// The tree of one `use`.
    fn tree(&mut self, tokens: &[TokenTree], file: &str, module: &Name, public: bool, before: &mut Name) {
        for part in tokens.split(|token| is_mark(Some(token), ',')) {
            let len = before.len();
            let mut rest = part;
            while let Some((first, after)) = rest.split_first() {
                match first {
                    TokenTree::Ident(word) if word == "as" => break,
                    TokenTree::Ident(word) => before.push(word.to_string()),
                    TokenTree::Group(group) => {
                        let inner: Vec<_> = group.stream().into_iter().collect();
                        self.tree(&inner, file, module, public, before);
                        before.truncate(len);
                        break;
                    }
                    TokenTree::Punct(mark) if mark.as_char() == '*' => before.push("*".to_owned()),
                    _ => {}
                }
                rest = after;
            }
            if before.len() > len {
                let line = part[0].span().start().line;
                let alias = rest.get(1).map(ToString::to_string);
                self.bring(before.clone(), alias, file, module, public, line);
            }
            before.truncate(len);
        }
    }

    /// One name that a `use` brings into scope.
    fn bring(
        &mut self,
        mut path: Name,
        alias: Option<String>,
        file: &str,
        module: &Name,
        public: bool,
        line: usize,
    ) {
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        // A path without `crate` or `super` is a module of this one, or another crate, of which no file is
        // found.
        let own = || module.iter().chain(&path).cloned().collect();
        let absolute: Name = absolute(&path, module).unwrap_or_else(own);
        if absolute.last().is_some_and(|last| last == "*") {
            let whole = absolute[..absolute.len() - 1].to_vec();
            self.globs.entry(module.clone()).or_default().push(whole);
        } else if let Some(name) = alias.or_else(|| absolute.last().cloned()) {
            self.names.entry(module.clone()).or_default().insert(name, absolute);
        }
        self.add(path, file, module, line, public);
    }

    fn add(&mut self, path: Name, file: &str, module: &Name, line: usize, shown: bool) {
        self.found.push(Found { module: module.clone(), file: file.to_owned(), line, path, shown });
    }

    /// Every arrow from a file to another.
    pub(crate) fn arrows(&self) -> Vec<Arrow> {
        let mut arrows: Vec<_> = self.found.iter().filter_map(|found| self.arrow(found)).collect();
        arrows.sort();
        arrows.dedup_by(|a, b| (&a.from, &a.to, &a.path) == (&b.from, &b.to, &b.path));
        arrows
    }

    fn arrow(&self, found: &Found) -> Option<Arrow> {
        let (to, path) = self.target(found)?;
        let own = self.modules.get(&to)?;
        let face = found.shown && to.starts_with(&found.module);
        (*own != found.file && !face).then(|| Arrow {
            from: found.file.clone(),
            line: found.line,
            to: own.clone(),
            path: path.join("::"),
        })
    }

    /// The module that defines what a path names. Nothing of another crate, and nothing where only a module
    /// is named: what is used of it names it again.
    fn target(&self, found: &Found) -> Option<(Name, Name)> {
        let mut path = match absolute(&found.path, &found.module) {
            Some(path) => path,
            None => self.in_scope(&found.path, &found.module)?,
        };
        if path.last().is_some_and(|last| last == "*") {
            path.pop();
            return self.modules.contains_key(&path).then(|| (path.clone(), path));
        }
        for _ in 0..MAX_STEPS {
            let depth = (0..=path.len()).rev().find(|depth| self.modules.contains_key(&path[..*depth]))?;
            let (module, rest) = path.split_at(depth);
            let name = rest.first()?;
            let known = self.names.get(module).and_then(|names| names.get(name));
            let Some(known) = known.filter(|known| **known != path[..=depth]) else {
                if let Some(through) = self.through_glob(module, name) {
                    path = [through, rest.to_vec()].concat();
                    continue;
                }
                return Some((module.to_vec(), path));
            };
            path = [known.clone(), rest[1..].to_vec()].concat();
        }
        None
    }

    fn through_glob(&self, module: &[String], name: &str) -> Option<Name> {
        let globs = self.globs.get(module)?;
        let brings = |whole: &&Name| {
            whole.as_slice() != module && self.names.get(*whole).is_some_and(|names| names.contains_key(name))
        };
        globs.iter().find(brings).cloned()
    }

    /// A path that begins with a name of this module: one brought by `use`, or a module of its own.
    fn in_scope(&self, path: &Name, module: &Name) -> Option<Name> {
        let first = path.first()?;
        if let Some(known) = self.names.get(module).and_then(|names| names.get(first)) {
            return Some([known.clone(), path[1..].to_vec()].concat());
        }
        let child: Name = module.iter().cloned().chain([first.clone()]).collect();
        let own = self.modules.contains_key(&child);
        own.then(|| [child, path[1..].to_vec()].concat())
    }
}

/// A path from the crate's root, if its first word says where it begins.
fn absolute(path: &Name, module: &Name) -> Option<Name> {
    let mut words = path.iter().peekable();
    let mut base = match words.peek()?.as_str() {
        "crate" | "wasmspoor" => {
            words.next();
            Vec::new()
        }
        "self" => {
            words.next();
            module.clone()
        }
        "super" => module.clone(),
        _ => return None,
    };
    while words.next_if(|word| *word == "super").is_some() {
        base.pop()?;
    }
    base.extend(words.cloned());
    Some(base)
}

/// The path that begins here, and how many tokens it takes.
fn path_at(tokens: &[TokenTree]) -> (Name, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(word)) = tokens.get(at) {
        path.push(word.to_string());
        at += 1;
        if !(is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':')) {
            break;
        }
        at += 2;
    }
    (path, at.max(1))
}

/// How many tokens the item takes that begins with these attributes.
pub(crate) fn item_len(tokens: &[TokenTree]) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        token => is_mark(Some(token), ';') || is_mark(Some(token), ','),
    };
    tokens.iter().position(ends).map_or(tokens.len(), |at| at + 1)
}

/// Whether a `[cfg(test)]` or `[cfg(all(test, …))]` stands here.
pub(crate) fn is_test(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = token else { return false };
    let mut words = Vec::new();
    flatten(group.stream(), &mut words);
    words.first().is_some_and(|word| word == "cfg")
        && words.iter().any(|word| word == "test")
        && !words.iter().any(|word| word == "not" || word == "any")
}

fn flatten(tokens: TokenStream, words: &mut Vec<Ident>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) => words.push(word),
            TokenTree::Group(group) => flatten(group.stream(), words),
            _ => {}
        }
    }
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}
