//! A module is written down in every way that is known, within text that does not belong to it, and must come
//! out once and whole.

use std::{fmt::Write as _, io::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::super::{Caps, Found, unpack};
use crate::scan::rows::FailureKind;

/// With quotes, backslashes, ends of lines, and bytes that are no UTF-8 and some that are.
fn module() -> Vec<u8> {
    let text = r#"(module (func (export "f") (result i32) (i32.const 300)) (memory 1)
        (data (i32.const 16) "a \22b\22 'c' `d` \5c \0d\0a \80\ff\c3\a9 \fb\ef\be\ef\be\fb\be\fb\ef $e \00\00\00 </script> -->"))"#;
    wat::parse_str(text).unwrap()
}

/// The modules in a text, and the kinds of failures.
fn found(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<FailureKind>) {
    let (mut modules, mut failures) = (Vec::new(), Vec::new());
    let mut sink = |_: &[String], found: Found<'_>| {
        match found {
            Found::Module(bytes) => modules.push(bytes.to_vec()),
            Found::Failure(failure) => failures.push(failure.kind),
        }
        Ok(())
    };
    unpack(bytes, &Caps::default(), &mut sink).unwrap();
    modules.dedup();
    (modules, failures)
}

fn check(what: &str, text: &[u8], module: &[u8]) {
    let (modules, failures) = found(text);
    let shown = String::from_utf8_lossy(text);
    assert_eq!(modules.len(), 1, "{what}: {} found, {failures:?}\n{shown}", modules.len());
    assert_eq!(modules[0], module, "{what}\n{shown}");
    assert!(failures.is_empty(), "{what}: {failures:?}\n{shown}");
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>, between: &str) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(between)
}

fn words(module: &[u8], width: usize, is_big: bool) -> Vec<u64> {
    let word = |chunk: &[u8]| {
        let mut bytes = [0; 8];
        bytes[..chunk.len()].copy_from_slice(chunk);
        if is_big { u64::from_be_bytes(bytes) >> (64 - 8 * width) } else { u64::from_le_bytes(bytes) }
    };
    module.chunks(width).map(word).collect()
}

#[test]
fn lists_of_numbers() {
    let module = module();
    let signed = || module.iter().map(|byte| *byte as i8);
    let hex = |width: usize, is_big| {
        words(&module, width, is_big).into_iter().map(|word| format!("0x{word:x}")).collect::<Vec<_>>()
    };
    for (what, text) in [
        ("bytes", format!("new Uint8Array([{}])", list(&module, ","))),
        ("signed", format!("new Int8Array([{}])", list(signed(), ","))),
        ("java", format!("byte[] b = {{{}}};", list(signed().map(|byte| format!("(byte) {byte}")), ", "))),
        ("c sharp", format!("byte[] b = {{ {} }};", list(module.iter().map(|b| format!("0x{b:02X}")), ", "))),
        ("rust", format!("[{}]", list(module.iter().map(|byte| format!("0x{byte:02x}u8")), ", "))),
        ("kotlin", format!("byteArrayOf({})", list(signed().map(|b| format!("{b}.toByte()")), ", "))),
        ("strings", format!("[{}]", list(module.iter().map(|byte| format!("\"0x{byte:02x}\"")), ", "))),
        ("f sharp", format!("[| {} |]", list(module.iter().map(|byte| format!("{byte}uy")), ", "))),
        ("blanks", format!("x = ({})", list(&module, " "))),
        ("python", format!("bytes([{},])", list(&module, ",\n    "))),
        ("buffer", format!("{{\"type\":\"Buffer\",\"data\":[{}]}}", list(&module, ","))),
        ("u16", format!("new Uint16Array([{}])", list(words(&module, 2, false), ","))),
        ("u32", format!("new Uint32Array([{}])", list(words(&module, 4, false), ", "))),
        ("u32 hexadecimal", format!("uint32_t m[] = {{{}}};", list(hex(4, false), ",\n"))),
        ("u32, big endian", format!("[{}]", list(hex(4, true), ","))),
        ("u64", format!("BigUint64Array.of({})", list(words(&module, 8, false), "n, ").to_string() + "n")),
        ("i32", {
            let signed = words(&module, 4, false).into_iter().map(|word| word as u32 as i32);
            format!("new Int32Array([{}])", list(signed, ","))
        }),
        ("object", {
            let pairs = module.iter().enumerate().map(|(key, byte)| format!("\"{key}\":{byte}"));
            format!("{{{}}}", list(pairs, ","))
        }),
        ("php array", {
            let pairs = module.iter().enumerate().map(|(key, byte)| format!("{key} => {byte}"));
            format!("array({})", list(pairs, ", "))
        }),
        ("comments", {
            let lines: Vec<_> = module.chunks(8).map(|line| list(line, ", ") + ",").collect();
            format!("char m[] = {{ {} }};", list(lines, " /* and */\n"))
        }),
    ] {
        check(what, text.as_bytes(), &module);
    }
}

/// A literal in `quote`s, in which all but some characters are written by `escape`.
fn literal(module: &[u8], quote: char, plain: fn(u8) -> bool, escape: impl Fn(u8) -> String) -> String {
    let mut text = String::from(quote);
    for &byte in module {
        if plain(byte) && byte != quote as u8 && byte != b'\\' {
            text.push(byte as char);
        } else {
            text += &escape(byte);
        }
    }
    text.push(quote);
    text
}

#[test]
fn string_literals() {
    let module = module();
    let printable: fn(u8) -> bool = |byte| matches!(byte, b' '..=b'~');
    let letters: fn(u8) -> bool = |byte| byte.is_ascii_punctuation() || byte == b' ';
    for (what, text) in [
        ("double", literal(&module, '"', printable, |byte| format!("\\x{byte:02x}"))),
        ("single", literal(&module, '\'', printable, |byte| format!("\\x{byte:02x}"))),
        ("template", literal(&module, '`', printable, |byte| format!("\\u{byte:04x}"))),
        ("braces", literal(&module, '"', printable, |byte| format!("\\u{{{byte:x}}}"))),
        ("octal", literal(&module, '"', letters, |byte| format!("\\{byte:03o}"))),
        ("lua", literal(&module, '"', letters, |byte| format!("\\{byte:03}"))),
        ("text format", literal(&module, '"', printable, |byte| format!("\\{byte:02x}"))),
        (
            "go",
            literal(&module, '"', printable, |byte| match byte {
                b'\n' => "\\n".into(),
                b'\r' => "\\r".into(),
                b'"' | b'\\' => format!("\\{}", byte as char),
                _ => format!("\\x{byte:02x}"),
            }),
        ),
        ("python", {
            let parts: Vec<_> = module.chunks(30).collect();
            let parts = parts.iter().map(|part| {
                String::from("b") + &literal(part, '\'', printable, |byte| format!("\\x{byte:02x}"))
            });
            format!("m = ({})", list(parts, "\n     "))
        }),
        ("c, apart", {
            let text = literal(&module, '"', printable, |byte| format!("\\x{byte:02x}\" \""));
            format!("char m[] = {text};")
        }),
        ("php", {
            let parts: Vec<_> = module.chunks(40).collect();
            let parts =
                parts.iter().map(|part| literal(part, '"', printable, |byte| format!("\\x{byte:02X}")));
            format!("<?php $m = {};", list(parts, " .\n "))
        }),
    ] {
        check(what, format!("var other = 'x'; f({text}, \"rest\")").as_bytes(), &module);
    }
}

/// As Emscripten writes it today: characters for bytes, U+0100 for zero.
#[test]
fn code_points() {
    let module = module();
    let mut text = String::from("function findWasmBinary(){return binaryDecode(\"");
    for &byte in &module {
        match byte {
            0 => text.push('\u{100}'),
            b'"' | b'\\' => text.extend(['\\', byte as char]),
            b'\n' => text += "\\n",
            b'\r' => text += "\\r",
            byte => text.push(byte as char),
        }
    }
    text += "\")}";
    check("code points", text.as_bytes(), &module);
}

#[test]
fn base64_in_its_disguises() {
    let module = module();
    let base64 = STANDARD.encode(&module);
    assert!(base64.contains('/') && base64.contains('+'), "else this tests little: {base64}");
    let lines: Vec<_> = base64.as_bytes().chunks(60).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for (what, text) in [
        ("json", format!("{{\"m\":\"{}\"}}", base64.replace('/', "\\/"))),
        ("json in json", format!("{{\"m\":\"{{\\\"n\\\":\\\"{}\\\"}}\"}}", base64.replace('/', "\\\\/"))),
        ("unicode", format!("\"{}\"", base64.replace('/', "\\u002F").replace('+', "\\u002b"))),
        ("html", format!("<a b=\"{}\">", base64.replace('/', "&#x2F;").replace('+', "&#43;"))),
        ("names", format!("<a b='{}'>", base64.replace('/', "&sol;").replace('+', "&plus;"))),
        (
            "quoted printable",
            format!("m=3D\"{}\"", list(&lines, "=\r\n").replace('=', "=3D").replace("=3D\r\n", "=\r\n")),
        ),
        ("list", format!("[\"{}\"].join('')", list(&lines, "\", \""))),
        ("php", format!("$m = '{}';", list(&lines, "' . '"))),
        ("python", format!("m = (b'{}')", list(&lines, "'\n  b'"))),
        ("c", format!("char *m = \"{}\";", list(&lines, "\"\n  \""))),
        ("go", format!("m := \"{}\"", list(&lines, "\" +\n\t\""))),
        ("sql", format!("SELECT '{}'", list(&lines, "' || '"))),
        ("appended", format!("var m = '{}';", list(&lines, "';\nm += '"))),
        ("php, appended", format!("$m = \"{}\";", list(&lines, "\";\n$m .= \""))),
        ("several in a list", format!("['{base64}', 'bm90aGluZw==', 'AAAA']")),
    ] {
        check(what, text.as_bytes(), &module);
    }
}

/// Text in lines below, whose letters are digits too, is no part of it.
#[test]
fn digits_end_where_their_lines_do() {
    for more in 0..6 {
        let mut module = module();
        module.extend([0, 2 + more, 1, b'z']);
        module.extend(vec![b'.'; more.into()]);
        let base64 = STANDARD.encode(&module);
        for width in [base64.len(), base64.len() / 2, 76, 60] {
            let lines: Vec<_> =
                base64.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let text = format!("base64 -d <<EOF\n{}\nEOF\nexit\n", list(&lines, "\n"));
            check(&format!("{more} {width}"), text.as_bytes(), &module);
        }
    }
}

#[test]
fn digits_within_digits() {
    let module = module();
    let base64 = STANDARD.encode(&module);
    let hex: String = base64.bytes().map(|byte| format!("{byte:02x}")).collect();
    check("base64 in hexadecimal", format!("f('{hex}')").as_bytes(), &module);
    for before in ["", "f('", "ff('", "fff('"] {
        let text = STANDARD.encode(format!("{before}{base64}')"));
        check(before, format!("eval(atob('{text}'))").as_bytes(), &module);
    }
}

#[test]
fn a_short_stream_among_other_bytes() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&module()).unwrap();
    let bytes = [&[0x90; 100][..], &gzip.finish().unwrap(), &[0x91; 50]].concat();
    check("gzip", &bytes, &module());
}

#[test]
fn characters_in_braces() {
    let text: String = module().iter().map(|byte| format!("\\u{{{byte:x}}}")).collect();
    check("braces", format!("f('{text}')").as_bytes(), &module());
}

#[test]
fn hexadecimal_in_its_disguises() {
    let module = module();
    let hex = |between: &str| list(module.iter().map(|byte| format!("{byte:02x}")), between);
    let lines: Vec<_> =
        module.chunks(20).map(|line| list(line.iter().map(|b| format!("{b:02X}")), " ")).collect();
    for (what, text) in [
        ("blanks", hex(" ")),
        ("colons", hex(":")),
        ("dashes", hex("-")),
        ("lines", list(&lines, "\n")),
        ("postgres", format!("'\\x{}'", hex(""))),
        ("sql", format!("INSERT INTO t VALUES (X'{}');", hex(""))),
        ("mysql", format!("VALUES (0x{})", hex(""))),
        ("strings", format!("[\"{}\"]", hex("\",\""))),
        ("percent", format!("unescape('%{}')", hex("%"))),
    ] {
        check(what, format!("before: {text} ;").as_bytes(), &module);
    }
}

/// Lines of 16 bytes of an offset, groups, and perhaps characters.
fn dump(
    bytes: &[u8],
    offset: fn(usize) -> String,
    group: impl Fn(&[u8]) -> String,
    has_text: bool,
) -> String {
    let mut text = String::new();
    for (index, line) in bytes.chunks(16).enumerate() {
        let groups = group(line);
        let shown: String =
            line.iter().map(|byte| if matches!(byte, b' '..=b'~') { *byte as char } else { '.' }).collect();
        let shown = if has_text { format!("  {shown}") } else { String::new() };
        writeln!(text, "{} {groups:<48}{shown}", offset(16 * index)).unwrap();
    }
    text
}

/// Ways of languages that join characters, and of text that is mailed.
#[test]
fn joined_characters_and_mail() {
    let module = module();
    let php = list(module.iter().map(|byte| format!("chr({byte})")), ".");
    check("php", format!("<?php $m = {php};").as_bytes(), &module);
    let basic = list(module.iter().map(|byte| format!("Chr( {byte} )")), " & _\r\n ");
    check("basic", format!("m = {basic}\r\n").as_bytes(), &module);
    check("perl", literal(&module, '"', |_| false, |byte| format!("\\x{{{byte:02x}}}")).as_bytes(), &module);
    check(
        "rust",
        format!("[{}]", list(module.iter().map(|byte| format!("{byte}_u8")), ", ")).as_bytes(),
        &module,
    );
    check(
        "nim",
        format!("[{}]", list(module.iter().map(|byte| format!("0x{byte:02x}'u8")), ", ")).as_bytes(),
        &module,
    );
    let mut quoted = String::from("Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    for (at, byte) in module.iter().enumerate() {
        let soft = if at % 20 == 19 { "=\r\n" } else { "" };
        match byte.is_ascii_alphanumeric() {
            true => write!(quoted, "{}{soft}", char::from(*byte)).unwrap(),
            false => write!(quoted, "={byte:02X}{soft}").unwrap(),
        }
    }
    check("mail", format!("{quoted}\r\n--next").as_bytes(), &module);
    let digits = STANDARD.encode(&module);
    let parts: Vec<&str> =
        digits.as_bytes().chunks(40).map(|part| std::str::from_utf8(part).unwrap()).collect();
    let named = |head: &str| -> String {
        let one = |(at, part): (usize, &&str)| format!("{head}a{at} = \"{part}\";\n");
        parts.iter().enumerate().map(one).collect()
    };
    check("variables", named("var ").as_bytes(), &module);
    check("variables of a script", named("$").as_bytes(), &module);
    check("comments", format!("\"{}\"", parts.join("\" /* part */ \"")).as_bytes(), &module);
    check("comments of lines", format!("\"{}\"", parts.join("\" // part\n \"")).as_bytes(), &module);
}

/// Records in lines, as older tools write them.
#[test]
fn records_in_lines() {
    let module = module();
    let pair = |byte: &u8| format!("{byte:02X}");
    let hex = |bytes: &[u8]| bytes.iter().map(pair).collect::<String>();
    let sum = |bytes: &[u8]| bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    let at = |index: usize| (16 * index) as u16;
    let intel = module.chunks(16).enumerate().map(|(index, data)| {
        let record = [&[data.len() as u8], &at(index).to_be_bytes()[..], &[0], data].concat();
        format!(":{}{:02X}\r\n", hex(&record), sum(&record).wrapping_neg())
    });
    check(
        "intel",
        format!(":020000040000FA\n{}:00000001FF\n", intel.collect::<String>()).as_bytes(),
        &module,
    );
    let motorola = module.chunks(16).enumerate().map(|(index, data)| {
        let record = [&[data.len() as u8 + 5, 0, 0], &at(index).to_be_bytes()[..], data].concat();
        format!("S3{}{:02X}\n", hex(&record), !sum(&record))
    });
    let motorola = format!("S00600004844521B\n{}S70500000000FA\n", motorola.collect::<String>());
    check("motorola", motorola.as_bytes(), &module);
    let six = |bits: u32| if bits & 63 == 0 { '`' } else { char::from(32 + (bits & 63) as u8) };
    let coded = module.chunks(45).map(|data| {
        let groups = data.chunks(3).map(|group| {
            let all = (0..3).fold(0u32, |all, at| all << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
            [18, 12, 6, 0].map(|shift| six(all >> shift)).iter().collect::<String>()
        });
        format!("{}{}\n", six(data.len() as u32), groups.collect::<String>())
    });
    let coded = format!("so:\nbegin 644 m.wasm\n{}`\nend\nthen", coded.collect::<String>());
    check("uuencode", coded.as_bytes(), &module);
    check("uuencode with blanks", coded.replace('`', " ").as_bytes(), &module);
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let base32 = module.chunks(5).map(|data| {
        let all = (0..5).fold(0u64, |all, at| all << 8 | u64::from(data.get(at).copied().unwrap_or(0)));
        let len = (data.len() * 8).div_ceil(5);
        (0..len).map(|at| char::from(digits[(all >> (35 - 5 * at) & 31) as usize])).collect::<String>()
    });
    check("base32", format!("b32decode('{}===')", base32.collect::<String>()).as_bytes(), &module);
}

#[test]
fn hexdumps() {
    let module = module();
    let hex8 = |at: usize| format!("{at:08x}");
    let octal = |at: usize| format!("{at:07o}");
    let bytes = |line: &[u8]| list(line.iter().map(|byte| format!("{byte:02x}")), " ");
    let pairs = |is_big: bool| {
        move |line: &[u8]| list(words(line, 2, is_big).into_iter().map(|word| format!("{word:04x}")), " ")
    };
    let xxd = |line: &[u8]| {
        list(line.chunks(2).map(|pair| pair.iter().map(|b| format!("{b:02x}")).collect::<String>()), " ")
    };
    for (what, text) in [
        ("xxd", dump(&module, |at| format!("{at:08x}:"), xxd, true)),
        ("xxd -g1", dump(&module, |at| format!("{at:08x}:"), bytes, true)),
        (
            "hexdump -C",
            dump(
                &module,
                |at| format!("{at:08x} "),
                |line| {
                    let (left, right) = line.split_at(line.len().min(8));
                    format!("{}  {}", bytes(left), bytes(right))
                },
                false,
            )
            .replace('\n', " |................|\n"),
        ),
        ("hexdump", dump(&module, |at| format!("{at:07x}"), pairs(false), false)),
        ("od -t x1", dump(&module, octal, bytes, false)),
        ("od -x", dump(&module, octal, pairs(false), false)),
        ("od -b", dump(&module, octal, |line| list(line.iter().map(|b| format!("{b:03o}")), " "), false)),
        (
            "od",
            dump(
                &module,
                octal,
                |line| list(words(line, 2, false).into_iter().map(|word| format!("{word:06o}")), " "),
                false,
            ),
        ),
        ("od -t u1", dump(&module, octal, |line| list(line.iter().map(|b| format!("{b:3}")), " "), false)),
        (
            "od -t x4",
            dump(
                &module,
                octal,
                |line| list(words(line, 4, false).into_iter().map(|word| format!("{word:08x}")), " "),
                false,
            ),
        ),
        (
            "xxd -g4",
            dump(
                &module,
                |at| format!("{at:08x}:"),
                |line| {
                    list(
                        line.chunks(4)
                            .map(|four| four.iter().map(|b| format!("{b:02x}")).collect::<String>()),
                        " ",
                    )
                },
                true,
            ),
        ),
    ] {
        check(what, format!("$ dump file\n{text}$ ").as_bytes(), &module);
    }
    // In the midst of a dump of something larger, with lines that are repeated.
    let large = [&[0x90; 21][..], &module, &[0; 300], &[7; 5]].concat();
    let all = dump(&large, hex8, bytes, false);
    let mut lines: Vec<_> = all.lines().collect();
    let zeros =
        lines.iter().position(|line| line.contains("00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"));
    let zeros = zeros.unwrap();
    lines.splice(zeros + 1..lines.len() - 2, ["*"]);
    check("in the midst", lines.join("\n").as_bytes(), &module);
}

fn compressed(module: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let level = flate2::Compression::default();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), level);
    zlib.write_all(module).unwrap();
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), level);
    deflate.write_all(module).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), level);
    gzip.write_all(module).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(module, ruzstd::encoding::CompressionLevel::Fastest);
    vec![
        ("zlib", zlib.finish().unwrap()),
        ("deflate", deflate.finish().unwrap()),
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd),
        ("brotli", brotli(module, &[b'.'; 36])),
        ("brotli of Unity", brotli(module, b"UnityWeb Compressed Content (brotli)")),
    ]
}

/// Brotli (RFC 7932): a window of 2^16 bytes, a block of metadata, one that is stored, and an empty last one.
fn brotli(module: &[u8], metadata: &[u8; 36]) -> Vec<u8> {
    let len = module.len() as u32 - 1;
    assert!(len < 1 << 16);
    // WBITS 0; ISLAST 0; MNIBBLES 3; reserved 0; MSKIPBYTES 1; MSKIPLEN - 1.
    let skipped = 3 << 2 | 1 << 5 | 35u16 << 7;
    // ISLAST 0; MNIBBLES 0 (four); MLEN - 1; ISUNCOMPRESSED 1.
    let stored = len << 3 | 1 << 19;
    [&skipped.to_le_bytes(), &metadata[..], &stored.to_le_bytes()[..3], module, &[3]].concat()
}

#[test]
fn packed_and_written_down() {
    let module = module();
    for (kind, bytes) in compressed(&module) {
        check(kind, &bytes, &module);
        check(kind, format!("var z=\"{}\";", STANDARD.encode(&bytes)).as_bytes(), &module);
        check(kind, format!("z='{}'", STANDARD.encode(&bytes).replace('/', "\\/")).as_bytes(), &module);
        if !kind.starts_with("brotli") && kind != "deflate" {
            check(kind, &[&b"\0MAGIC!\x01"[..], &bytes].concat(), &module);
            check(kind, &[&vec![0xcc; 1000][..], &bytes, &[0xcc; 50]].concat(), &module);
        }
    }
}

#[test]
fn text_of_two_bytes_a_character() {
    let module = module();
    let text = format!("$m = [Convert]::FromBase64String('{}')\r\n", STANDARD.encode(&module));
    let units = || text.encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    for (what, bytes) in [
        ("marked", [&[0xff, 0xfe], &little[..]].concat()),
        ("marked, big endian", [&[0xfe, 0xff], &big[..]].concat()),
        ("in a program", [&b"MZ\x90\0\x03\0\0"[..], &little, &[0; 9]].concat()),
        ("in another", [&b"MZ\x90\0\x03\x01\xff"[..], &big, &[0xff; 9]].concat()),
    ] {
        check(what, &bytes, &module);
    }
}

#[test]
fn what_the_reader_cuts_is_said_to_be_cut_here() {
    let module = module();
    // Something in the midst of the list that nobody can know.
    let text = format!("[{}, variable, {}]", list(&module[..60], ","), list(&module[60..], ","));
    let (modules, failures) = found(text.as_bytes());
    assert_eq!((modules.len(), &failures[..]), (1, &[FailureKind::Cut][..]));
    // The author cut this one.
    let text = format!("[{}]", list(&module[..60], ","));
    let (modules, failures) = found(text.as_bytes());
    assert_eq!((modules.len(), &failures[..]), (1, &[][..]));
}
