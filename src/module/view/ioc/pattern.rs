//! Patterns of indicators, and the words by which each is looked for in a text at all.

use std::{
    ops::Range,
    sync::{LazyLock, OnceLock},
};

use regex::{Regex, RegexBuilder};

use super::super::{
    kinds::IocKind,
    near::{self, Pair},
};
use crate::text::Sought;

/// Patterns that there are.
const KINDS: usize = 30;
/// What an indicator looks like.
pub(super) struct Pattern {
    pub(super) kind: IocKind,
    /// Only a text with one of these, in any case, can match.
    pub(super) hints: &'static [&'static str],
    pub(super) look: Look,
    /// Compiled at the first hint: most modules have none, and compiling all takes longer than the rest of
    /// the view of a small module.
    compiled: OnceLock<Option<Finder>>,
}

/// How it is found.
pub(super) enum Look {
    /// By a regular expression that has no counts before it is sure: its time is linear in the text.
    Regex(&'static str),
    /// A head and a tail; see [`Pair`].
    Pair {
        head: &'static str,
        tail: &'static str,
        gap: (usize, usize),
        is_last: bool,
        after: usize,
    },
    Email,
    Domain,
}

pub(super) enum Finder {
    Regex(Regex),
    Pair(Pair),
    Email,
    Domain,
}

impl Pattern {
    const fn new(kind: IocKind, hints: &'static [&'static str], pattern: &'static str) -> Self {
        Self::with(kind, hints, Look::Regex(pattern))
    }

    const fn with(kind: IocKind, hints: &'static [&'static str], look: Look) -> Self {
        Self { kind, hints, look, compiled: OnceLock::new() }
    }

    pub(super) fn finder(&self) -> Option<&Finder> {
        self.compiled.get_or_init(|| self.look.compile()).as_ref()
    }
}

impl Look {
    fn compile(&self) -> Option<Finder> {
        Some(match *self {
            Self::Regex(pattern) => Finder::Regex(compile(pattern)?),
            Self::Pair { head, tail, gap: (least, most), is_last, after } => {
                let (head, tail) = (compile(head)?, compile(tail)?);
                Finder::Pair(Pair { head, tail, gap: least..=most, is_last, after })
            }
            Self::Email => Finder::Email,
            Self::Domain => Finder::Domain,
        })
    }
}

impl Finder {
    /// Where it is in `text`, ascending, without overlap.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Regex(regex) => regex.find_iter(text).map(|hit| hit.range()).collect(),
            Self::Pair(pair) => pair.find(text),
            Self::Email => near::emails(text),
            Self::Domain => near::domains(text, DOMAINS),
        }
    }
}

/// Last labels of domains that are worth a look beside a port.
const DOMAINS: &[&str] = &[
    "com", "net", "org", "io", "ru", "cn", "info", "biz", "xyz", "top", "me", "pro", "cc", "to", "pw", "su",
    "online", "site", "club", "stream", "link", "eu", "de", "co", "in", "la", "kr", "space", "host", "live",
    "win",
];

/// Texts are ASCII, and the tables of Unicode are large.
fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).unicode(false).build().ok()
}

/// All hints, and the pattern that each is of.
static HINTS: LazyLock<(Sought, Vec<usize>)> = LazyLock::new(|| {
    let (mut hints, mut of) = (Vec::<&str>::new(), Vec::new());
    for (position, pattern) in PATTERNS.iter().enumerate() {
        hints.extend(pattern.hints);
        of.resize(hints.len(), position);
    }
    (Sought::new(hints), of)
});

/// The patterns that can match in `text`, by one look at it.
pub(super) fn hinted(text: &str) -> [bool; KINDS] {
    let mut hinted = [false; KINDS];
    let (words, of) = &*HINTS;
    let Some(searcher) = words.to_search(text.as_bytes()) else { return hinted };
    let mut left = hinted.len();
    for hit in searcher.find_overlapping_iter(text) {
        let is_hinted = &mut hinted[of[hit.pattern().as_usize()]];
        left -= usize::from(!std::mem::replace(is_hinted, true));
        if left == 0 {
            break;
        }
    }
    hinted
}

/// Patterns in capitals and small letters alike begin with `(?i)`.
pub(super) static PATTERNS: [Pattern; KINDS] = [
    Pattern::new(
        IocKind::Url,
        &["://"],
        r"(?:https?|wss?|ftp|tcp)://[A-Za-z0-9\[][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]{3,300}",
    ),
    Pattern::new(IocKind::Onion, &[".onion"], r"\b(?:[a-z2-7]{56}|[a-z2-7]{16})\.onion\b"),
    Pattern::with(IocKind::Domain, &[":1", ":2", ":3", ":4", ":5", ":6", ":7", ":8", ":9"], Look::Domain),
    Pattern::with(IocKind::Email, &["@"], Look::Email),
    Pattern::new(
        IocKind::Path,
        &["/etc/"],
        r"/etc/(?:passwd|shadow|sudoers|gshadow|crontab|ld\.so\.preload|hosts)\b",
    ),
    Pattern::new(IocKind::Path, &[".ssh/"], r"\.ssh/(?:id_[a-z0-9]+|authorized_keys|known_hosts|config)\b"),
    Pattern::new(
        IocKind::Path,
        &["id_", "authorized_keys", "wallet.dat", "key4.db", "logins.json", "local state", "login data"],
        r"\b(?:id_(?:rsa|dsa|ecdsa|ed25519)|authorized_keys|wallet\.dat|key4\.db|logins\.json|Local State|Login Data)\b",
    ),
    Pattern::new(
        IocKind::Path,
        &[
            ".aws/",
            ".docker/",
            ".kube/",
            ".git-c",
            ".netrc",
            ".npmrc",
            ".pgpass",
            ".bash_h",
            ".gnupg",
            ".electrum",
            ".bitcoin",
            ".ethereum",
            ".monero",
            ".mozilla/",
        ],
        r"\.(?:aws/credentials|docker/config\.json|kube/config|git-credentials|netrc|npmrc|pgpass|bash_history|gnupg|electrum|bitcoin|ethereum|monero|mozilla/firefox)\b",
    ),
    Pattern::new(
        IocKind::Path,
        &["/proc/", "docker.sock", "/dev/tcp/"],
        r"/proc/(?:self|[0-9]+|1)/(?:environ|maps|mem|cmdline|root)\b|/proc/net/(?:tcp|route|arp)\b|/var/run/docker\.sock\b|/dev/tcp/",
    ),
    Pattern::new(IocKind::Path, &["/bin/"], r"/bin/(?:ba|z|da|k|c)?sh\b"),
    Pattern::new(IocKind::Path, &["c:\\"], r"(?i)\bC:\\+(?:Windows|Users|ProgramData)\\+[\w.\\-]{2,120}"),
    Pattern::new(
        IocKind::Path,
        &["lsass", "ntdll", "kernel32"],
        r"(?i)\b(?:lsass|ntdll|kernel32)\.(?:exe|dll)\b",
    ),
    Pattern::new(IocKind::Credential, &["akia", "asia"], r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    Pattern::new(
        IocKind::Credential,
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"],
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,82}|glpat-[A-Za-z0-9_-]{20})\b",
    ),
    Pattern::new(IocKind::Credential, &["xox"], r"\bxox[abprs]-[A-Za-z0-9-]{10,120}\b"),
    Pattern::new(IocKind::Credential, &["sk_live_"], r"\bsk_live_[0-9A-Za-z]{24,120}\b"),
    Pattern::new(IocKind::Credential, &["aiza"], r"\bAIza[0-9A-Za-z_-]{18}[0-9A-Za-z_-]*"),
    Pattern::new(IocKind::Credential, &["-----begin"], r"-----BEGIN (?:[A-Z]{2,10} )?PRIVATE KEY-----"),
    Pattern::new(
        IocKind::Credential,
        &["eyj"],
        r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ),
    Pattern::new(
        IocKind::Credential,
        &["aws_"],
        r"\bAWS_(?:SECRET_ACCESS_KEY|ACCESS_KEY_ID|SESSION_TOKEN)\b",
    ),
    Pattern::new(
        IocKind::PoolProtocol,
        &["stratum+"],
        r"\bstratum\+(?:tcp|ssl|tls|udp)://[!-~]{3,200}|\bstratum\+(?:tcp|ssl|tls)\b",
    ),
    Pattern::new(
        IocKind::PoolProtocol,
        &["mining."],
        r"\bmining\.(?:subscribe|authorize|submit|notify|set_difficulty|extranonce\.subscribe)\b",
    ),
    Pattern::new(
        IocKind::PoolProtocol,
        &["\"method\""],
        r#""method"\s*:\s*"(?:login|submit|getjob|keepalived)""#,
    ),
    Pattern::new(IocKind::Command, &["cmd"], r"(?i)\bcmd(?:\.exe)?\s+/[ck]\b[ -~]{0,120}"),
    Pattern::with(
        IocKind::Command,
        &["powershell"],
        Look::Pair {
            head: r"(?i)\bpowershell(?:\.exe)?\b",
            tail: r"(?i)\s-(?:e|ec|enc|encodedcommand|nop|noprofile|w|windowstyle|c|command|ep|executionpolicy)\b",
            gap: (0, 80),
            is_last: true,
            after: 120,
        },
    ),
    Pattern::new(
        IocKind::Command,
        &["/bin/", "bash -i"],
        r"/bin/(?:ba|z|da)?sh\s+-[cil][ -~]{0,120}|\bbash -i\b[ -~]{0,80}",
    ),
    Pattern::with(
        IocKind::Command,
        &["curl ", "wget "],
        Look::Pair {
            head: r"\b(?:curl|wget)\s",
            tail: r"\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b",
            gap: (1, 200),
            is_last: false,
            after: 0,
        },
    ),
    Pattern::new(
        IocKind::Command,
        &["rm -r", "chmod ", "nc -"],
        r"\brm -rf? (?:/|~|\*)[ -~]{0,60}|\bchmod (?:\+x|[0-7]{3,4}) [ -~]{1,80}|\bnc -[a-z]*e [ -~]{1,40}",
    ),
    Pattern::new(
        IocKind::Command,
        &["delete shadows", "delete catalog", "bcdedit /set", "schtasks /create", "-urlcache"],
        r"(?i)\bvssadmin(?:\.exe)? delete shadows[ -~]{0,40}|\bwbadmin delete catalog\b|\bbcdedit /set\b[ -~]{0,60}|\bschtasks /create\b[ -~]{0,120}|\bcertutil(?:\.exe)? -urlcache\b[ -~]{0,120}",
    ),
    Pattern::new(
        IocKind::Webhook,
        &["/api/webhooks/", "api.telegram.org", "hooks.slack.com"],
        r"\bdiscord(?:app)?\.com/api/webhooks/[0-9][!-~]{0,120}|\bapi\.telegram\.org/bot[!-~]{0,120}|\bhooks\.slack\.com/services/T[0-9A-Za-z][!-~]{0,120}",
    ),
];
