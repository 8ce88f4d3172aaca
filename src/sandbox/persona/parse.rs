//! Reading a persona from TOML.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    path::Path,
};

use aho_corasick::AhoCorasick;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use toml::Spanned;

use crate::{hex, sandbox::types::Drive};

use super::{Conduct, Document, Honeytoken, MIN_TOKEN, Peer, Persona, PersonaError, Socket, SocketKind};

/// Nanoseconds of a day.
const DAY_NS: u64 = 86_400_000_000_000;
/// Files are not changed at midnight.
const AGE_NS: u64 = 12_345_678_901;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    args: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    locale: Option<String>,
    epoch: Option<Spanned<u64>>,
    stdin: Option<Spanned<Content>>,
    terminals: Option<Vec<Spanned<String>>>,
    cpu_clocks: Option<bool>,
    preopens: Option<BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    dirs: Vec<Spanned<String>>,
    #[serde(default)]
    file: Vec<Spanned<FileTable>>,
    #[serde(default)]
    link: Vec<LinkTable>,
    #[serde(default)]
    honeytoken: Vec<Spanned<TokenTable>>,
    #[serde(default)]
    socket: Vec<Spanned<SocketTable>>,
    #[serde(default)]
    run: RunTable,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RunTable {
    drive: Option<Spanned<String>>,
    seconds: Option<u64>,
    instructions: Option<u64>,
    decisions: Option<u64>,
    trace_mib: Option<u64>,
}

/// Bytes: text, or one of the encodings.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Content {
    text: Option<String>,
    base64: Option<String>,
    hex: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    path: Spanned<String>,
    text: Option<String>,
    base64: Option<String>,
    hex: Option<String>,
    age_days: Option<u64>,
    honeytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkTable {
    path: Spanned<String>,
    target: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenTable {
    name: String,
    text: Option<String>,
    base64: Option<String>,
    hex: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SocketTable {
    name: String,
    #[serde(default)]
    receive: Vec<Spanned<Content>>,
    #[serde(default)]
    stays: bool,
    connection: Option<Vec<PeerTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerTable {
    #[serde(default)]
    receive: Vec<Spanned<Content>>,
    #[serde(default)]
    stays: bool,
}

/// Where something is wrong, and what.
type Wrong = (Range<usize>, String);

pub(super) fn parse(file: &str, text: &str) -> Result<Persona, PersonaError> {
    let wrong = |(span, message): Wrong| PersonaError::new(file, text, span, message);
    let parsed: File = toml::from_str(text)
        .map_err(|error| wrong((error.span().unwrap_or_default(), error.message().to_owned())))?;
    let name = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or(file);
    build(name, parsed).map_err(wrong)
}

/// The variables; the locale is one of them where none is named `LANG`.
fn environment(mut env: Vec<(String, String)>, locale: Option<String>) -> Vec<(String, String)> {
    if let Some(locale) = locale.filter(|_| !env.iter().any(|(name, _)| name == "LANG")) {
        env.push(("LANG".into(), locale));
    }
    env
}

/// The directories that are open from the start, by their names for the sample.
fn preopens(list: BTreeMap<String, Spanned<String>>) -> Result<Vec<(String, String)>, Wrong> {
    list.into_iter().map(|(name, path)| Ok((name, absolute(path)?))).collect()
}

fn build(name: &str, file: File) -> Result<Persona, Wrong> {
    let bare = Persona::bare();
    let mut persona = Persona {
        name: name.to_owned(),
        description: file.description,
        args: file.args.unwrap_or(bare.args),
        env: environment(file.env.into_iter().collect(), file.locale),
        epoch_ns: file.epoch.map_or(Ok(bare.epoch_ns), |epoch| nanos(&epoch))?,
        stdin: file.stdin.map_or(Ok(Vec::new()), content)?,
        terminals: file.terminals.map_or(Ok(bare.terminals), |names| terminals(&names))?,
        cpu_clocks: file.cpu_clocks.unwrap_or(bare.cpu_clocks),
        preopens: file.preopens.map_or(Ok(bare.preopens), preopens)?,
        dirs: file.dirs.into_iter().map(absolute).collect::<Result<_, _>>()?,
        links: file.link.into_iter().map(link).collect::<Result<_, _>>()?,
        sockets: file.socket.into_iter().map(socket).collect::<Result<_, _>>()?,
        run: conduct(file.run)?,
        ..bare
    };
    let (mut paths, mut names) = (HashSet::new(), HashSet::new());
    for (index, table) in (3..).zip(file.file) {
        persona.file(table, index, &mut paths, &mut names)?;
    }
    persona.tokens(file.honeytoken, &mut names)?;
    Ok(persona)
}

/// Positions of the tokens by their bytes: the same bytes under two names are one pattern.
fn by_value(tokens: &[(Range<usize>, String, Vec<u8>)]) -> BTreeMap<&[u8], Vec<usize>> {
    let mut values: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (index, (_, _, value)) in tokens.iter().enumerate() {
        values.entry(value).or_default().push(index);
    }
    values
}

impl Persona {
    fn file(
        &mut self,
        table: Spanned<FileTable>,
        default_age: u64,
        paths: &mut HashSet<String>,
        names: &mut HashSet<String>,
    ) -> Result<(), Wrong> {
        let span = table.span();
        let FileTable { path, text, base64, hex, age_days, honeytoken } = table.into_inner();
        let bytes = bytes(&span, Content { text, base64, hex })?;
        let path_span = path.span();
        let path = absolute(path)?;
        if !paths.insert(path.clone()) {
            return Err((path_span, format!("`{path}` is there twice")));
        }
        if let Some(name) = honeytoken {
            self.add_token(&span, name, bytes.clone(), names)?;
        }
        let age_ns = age_days.unwrap_or(default_age).saturating_mul(DAY_NS).saturating_add(AGE_NS);
        self.files.push(Document { path, bytes, age_ns });
        Ok(())
    }

    /// The honeytokens that are parts of something. All are looked for in one search.
    fn tokens(&mut self, tables: Vec<Spanned<TokenTable>>, names: &mut HashSet<String>) -> Result<(), Wrong> {
        let mut tokens = Vec::new();
        for table in tables {
            let span = table.span();
            let TokenTable { name, text, base64, hex } = table.into_inner();
            tokens.push((span.clone(), name, bytes(&span, Content { text, base64, hex })?));
        }
        let held = self.held(&tokens);
        for ((span, name, value), is_there) in tokens.into_iter().zip(held) {
            if !is_there {
                return Err((
                    span,
                    format!("no file, variable, argument or standard input holds the honeytoken `{name}`"),
                ));
            }
            self.add_token(&span, name, value, names)?;
        }
        Ok(())
    }

    /// Whether each of these is in a file, a variable, an argument or standard input.
    fn held(&self, tokens: &[(Range<usize>, String, Vec<u8>)]) -> Vec<bool> {
        let mut held = vec![false; tokens.len()];
        let values = by_value(tokens);
        let owners: Vec<_> = values.values().collect();
        let Ok(searcher) = AhoCorasick::new(values.keys()) else { return held };
        // Owners of what was not found yet.
        let mut left: BTreeMap<usize, _> = owners.into_iter().enumerate().collect();
        let mut search = |bytes: &[u8]| {
            let mut hits = (!left.is_empty()).then(|| searcher.find_overlapping_iter(bytes));
            while !left.is_empty()
                && let Some(hit) = hits.as_mut().and_then(Iterator::next)
            {
                for &index in left.remove(&hit.pattern().as_usize()).into_iter().flatten() {
                    held[index] = true;
                }
            }
        };
        self.files.iter().for_each(|file| search(&file.bytes));
        self.env.iter().for_each(|(name, text)| search(format!("{name}={text}").as_bytes()));
        self.args.iter().for_each(|arg| search(arg.as_bytes()));
        search(&self.stdin);
        held
    }

    fn add_token(
        &mut self,
        span: &Range<usize>,
        name: String,
        value: Vec<u8>,
        names: &mut HashSet<String>,
    ) -> Result<(), Wrong> {
        if value.len() < MIN_TOKEN {
            return Err((
                span.clone(),
                format!(
                    "the honeytoken `{name}` has fewer than {MIN_TOKEN} bytes: it would be found by chance"
                ),
            ));
        }
        if !names.insert(name.clone()) {
            return Err((span.clone(), format!("two honeytokens are called `{name}`")));
        }
        self.honeytokens.push(Honeytoken { name, value });
        Ok(())
    }
}

fn nanos(epoch: &Spanned<u64>) -> Result<u64, Wrong> {
    let beyond = || (epoch.span(), format!("the epoch {} is beyond the year 2554", epoch.get_ref()));
    epoch.get_ref().checked_mul(1_000_000_000).ok_or_else(beyond)
}

fn terminals(names: &[Spanned<String>]) -> Result<[bool; 3], Wrong> {
    let mut found = [false; 3];
    for name in names {
        let position = ["stdin", "stdout", "stderr"].iter().position(|stream| stream == name.get_ref());
        let unknown =
            || (name.span(), format!("`{}` is no stream; stdin, stdout, stderr are", name.get_ref()));
        found[position.ok_or_else(unknown)?] = true;
    }
    Ok(found)
}

fn conduct(table: RunTable) -> Result<Conduct, Wrong> {
    let drive = table.drive.map(|name| match name.get_ref().as_str() {
        "auto" => Ok(Drive::Auto),
        "exports" => Ok(Drive::Exports),
        "none" => Ok(Drive::None),
        other => Err((name.span(), format!("`{other}` is none of `auto`, `exports`, `none`"))),
    });
    let RunTable { seconds, instructions, decisions, trace_mib, .. } = table;
    Ok(Conduct { drive: drive.transpose()?, seconds, instructions, decisions, trace_mib })
}

fn absolute(path: Spanned<String>) -> Result<String, Wrong> {
    let span = path.span();
    let path = path.into_inner();
    let is_plain = path.starts_with('/')
        && !path.split('/').any(|name| name == ".." || name == ".")
        && !path.contains('\0');
    if is_plain {
        Ok(path)
    } else {
        Err((span, format!("`{path}` is no absolute path without `.` and `..`")))
    }
}

fn link(table: LinkTable) -> Result<(String, String), Wrong> {
    let span = table.target.span();
    let target = table.target.into_inner();
    if target.is_empty() || target.starts_with('/') {
        return Err((
            span,
            "the target of a link is a relative path: an absolute one leads out of the open directory".into(),
        ));
    }
    Ok((absolute(table.path)?, target))
}

fn socket(table: Spanned<SocketTable>) -> Result<Socket, Wrong> {
    let span = table.span();
    let SocketTable { name, receive, stays, connection } = table.into_inner();
    let kind = match connection {
        None => SocketKind::Stream(peer(PeerTable { receive, stays })?),
        Some(_) if !receive.is_empty() || stays => {
            return Err((
                span,
                "a socket with `connection` listens: `receive` and `stays` belong to each connection".into(),
            ));
        }
        Some(peers) => SocketKind::Listener(peers.into_iter().map(peer).collect::<Result<_, _>>()?),
    };
    Ok(Socket { name, kind })
}

fn peer(table: PeerTable) -> Result<Peer, Wrong> {
    Ok(Peer {
        messages: table.receive.into_iter().map(content).collect::<Result<_, _>>()?,
        stays: table.stays,
    })
}

fn content(content: Spanned<Content>) -> Result<Vec<u8>, Wrong> {
    let span = content.span();
    bytes(&span, content.into_inner())
}

/// White space in encodings is ignored.
fn bytes(span: &Range<usize>, content: Content) -> Result<Vec<u8>, Wrong> {
    let plain = |text: String| text.split_whitespace().collect::<String>();
    let wrong = |message: &str| (span.clone(), message.to_owned());
    match content {
        Content { text: Some(text), base64: None, hex: None } => Ok(text.into_bytes()),
        Content { text: None, base64: Some(text), hex: None } => {
            STANDARD.decode(plain(text)).map_err(|_| wrong("this is not base64"))
        }
        Content { text: None, base64: None, hex: Some(text) } => hex::bytes(plain(text).as_bytes())
            .ok_or_else(|| wrong("these are no hexadecimal digits in pairs")),
        _ => Err(wrong("contents are one of `text`, `base64`, `hex`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_read() {
        let persona = parse(
            "folder/me.toml",
            r#"description = "d"
args = ["p", "x"]
locale = "de_DE.UTF-8"
epoch = 10
stdin = { hex = "0a 0b" }
terminals = ["stdout"]
preopens = { "." = "/w" }
dirs = ["/w/empty"]
env = { HOME = "/w", KEY = "abcdefgh" }
[[file]]
path = "/w/a"
base64 = "aGFs bG8="
age_days = 0
[[file]]
path = "/w/secret"
text = "whole file"
honeytoken = "file"
[[link]]
path = "/w/l"
target = "a"
[[honeytoken]]
name = "key"
text = "abcdefgh"
[[socket]]
name = "out"
receive = [{ text = "hi" }, { hex = "00" }]
stays = true
[[socket]]
name = "in"
connection = [{ receive = [{ text = "GET" }] }, {}]
[run]
drive = "none"
seconds = 600
"#,
        )
        .unwrap();
        assert_eq!(
            (persona.name.as_str(), persona.description.as_str(), persona.epoch_ns),
            ("me", "d", 10_000_000_000)
        );
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(persona.env, [pair("HOME", "/w"), pair("KEY", "abcdefgh"), pair("LANG", "de_DE.UTF-8")]);
        assert_eq!(
            persona.run,
            Conduct { drive: Some(Drive::None), seconds: Some(600), ..Conduct::default() }
        );
        assert_eq!((persona.stdin, persona.terminals), (vec![10, 11], [false, true, false]));
        assert_eq!((persona.preopens, persona.links), (vec![pair(".", "/w")], vec![pair("/w/l", "a")]));
        assert_eq!((persona.files[0].bytes.as_slice(), persona.files[0].age_ns), (&b"hallo"[..], AGE_NS));
        assert_eq!(persona.files[1].age_ns, 4 * DAY_NS + AGE_NS);
        let tokens: Vec<_> =
            persona.honeytokens.iter().map(|token| (token.name.as_str(), token.value.len())).collect();
        assert_eq!(tokens, [("file", 10), ("key", 8)]);
        let peer = |messages: &[&[u8]], stays| Peer {
            messages: messages.iter().map(|bytes| bytes.to_vec()).collect(),
            stays,
        };
        let kinds: Vec<_> = persona.sockets.into_iter().map(|socket| socket.kind).collect();
        assert_eq!(
            kinds,
            [
                SocketKind::Stream(peer(&[b"hi", b"\0"], true)),
                SocketKind::Listener(vec![peer(&[b"GET"], false), Peer::default()]),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_shown_with_its_place() {
        for (text, line, part) in [
            ("args = []", 1, "missing field `description`"),
            ("description = 'd'\nargz = []", 2, "unknown field `argz`"),
            ("description = 'd'\n[[file]]\npath = 'x'\ntext = ''", 3, "no absolute path"),
            ("description = 'd'\n[[file]]\npath = '/a/../b'\ntext = ''", 3, "no absolute path"),
            ("description = 'd'\n[[file]]\npath = '/x'", 2, "one of `text`, `base64`, `hex`"),
            ("description = 'd'\n[[file]]\npath = '/x'\ntext = ''\nmode = 1", 5, "unknown field `mode`"),
            ("description = 'd'\n[[file]]\npath = '/x'\nhex = '0'", 2, "hexadecimal"),
            ("description = 'd'\n[[file]]\npath = '/x'\nbase64 = '!'", 2, "base64"),
            (
                "description = 'd'\n[[honeytoken]]\nname = 'n'\ntext = 'abcdefgh'",
                2,
                "holds the honeytoken `n`",
            ),
            (
                "description = 'd'\n[[file]]\npath = '/x'\ntext = 'abc'\nhoneytoken = 'n'",
                2,
                "fewer than 8 bytes",
            ),
            ("description = 'd'\nterminals = ['stdlog']", 2, "`stdlog` is no stream"),
            ("description = 'd'\nepoch = 99999999999", 2, "beyond the year 2554"),
            ("description = 'd'\n[[link]]\npath = '/x'\ntarget = '/etc'", 4, "relative path"),
            ("description = 'd'\n[[socket]]\nname = 's'\nstays = true\nconnection = []", 2, "listens"),
            ("description = 'd'\n[run]\ndrive = 'main'", 3, "none of `auto`"),
            ("description = 'd'\nx = [", 2, ""),
        ] {
            let error = parse("p.toml", text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error}");
            let shown = error.to_string();
            assert!(
                error.message.contains(part)
                    && shown.contains(&format!("p.toml:{line}:"))
                    && shown.contains('^'),
                "{shown}"
            );
        }
    }
}
