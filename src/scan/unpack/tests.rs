use std::io::{Cursor, Write as _};

use base64::Engine as _;

use super::*;

fn module(name: &str) -> Vec<u8> {
    wat::parse_str(format!("(module (func (export \"{name}\") (result i32) (i32.const 300)))")).unwrap()
}

/// What is found in a file: the way and the module, or the kind of failure.
fn found(bytes: &[u8], caps: &Caps) -> Vec<(String, Result<Vec<u8>, FailureKind>)> {
    let mut all = Vec::new();
    let mut sink = |inside: &[String], found: Found<'_>| {
        let found = match found {
            Found::Module(bytes) => Ok(bytes.to_vec()),
            Found::Failure(failure) => Err(failure.kind),
        };
        all.push((inside.join(" > "), found));
        Ok(())
    };
    unpack(bytes, caps, &mut sink).unwrap();
    all
}

fn ways(bytes: &[u8]) -> Vec<String> {
    let all = found(bytes, &Caps::default());
    all.into_iter().map(|(way, found)| if let Err(kind) = found { format!("{way}: {}", kind.name()) } else { way }).collect()
}

fn zip(members: &[(&str, &[u8])], options: ::zip::write::SimpleFileOptions) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn deflated() -> ::zip::write::SimpleFileOptions {
    ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Deflated)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn tarred(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = ::tar::Header::new_gnu();
        // As a hostile archive has it: the library would refuse to write such a path.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn every_way_to_write_a_module_down_is_read() {
    let module = module("f");
    let standard = base64::engine::general_purpose::STANDARD.encode(&module);
    let url_safe = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&module);
    let hex: String = module.iter().map(|byte| format!("{byte:02X}")).collect();
    let decimal = module.iter().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ");
    let hexadecimal = module.iter().map(|byte| format!("0x{byte:02x}")).collect::<Vec<_>>().join(",\n");
    let escaped: String = module.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    let octal: String = module.iter().map(|byte| format!("\\{byte:03o}")).collect();
    let short: String = module
        .iter()
        .map(|byte| if byte.is_ascii_alphabetic() { char::from(*byte).to_string() } else { format!("\\u{byte:04x}") })
        .collect();
    let (left, right) = standard.split_at(20);
    let wrapped: Vec<&str> = standard.as_bytes().chunks(16).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for (what, text) in [
        ("html", format!("<html><script>var b = \"{standard}\";</script>")),
        ("data url", format!("fetch('data:application/wasm;base64,{standard}')")),
        ("percent", format!("fetch('data:application/wasm;base64,{}')", standard.replace('+', "%2B").replace('/', "%2f"))),
        ("url safe", format!("x='{url_safe}'")),
        ("joined", format!("x='{left}' +\n '{right}'")),
        ("lines", format!("-----\n{}\n-----", wrapped.join("\r\n"))),
        ("hex", format!("h(\"{hex}\")")),
        ("decimal", format!("new Uint8Array([{decimal}])")),
        ("hexadecimal", format!("unsigned char m[] = {{ {hexadecimal} }};")),
        ("escaped", format!("char m[] = \"{escaped}\";")),
        ("octal", format!("char m[] = '{octal}';")),
        ("unicode", format!("let m = `{short}`;")),
    ] {
        let all = found(text.as_bytes(), &Caps::default());
        let modules: Vec<_> = all.iter().filter_map(|(_, found)| found.as_ref().ok()).collect();
        assert_eq!(modules, [&module], "{what}: {text}");
    }
}

#[test]
fn a_packed_script_in_a_data_url_is_entered() {
    let module = module("f");
    let inner = format!("var m = '{}'", base64::engine::general_purpose::STANDARD.encode(gzip(&module)));
    let outer = format!("<script src='data:text/javascript;base64,{}'>", base64::engine::general_purpose::STANDARD.encode(inner));
    let all = found(outer.as_bytes(), &Caps::default());
    assert_eq!(all, [("base64@41 > base64@9 > gzip".to_owned(), Ok(module))]);
}

#[test]
fn modules_are_carved_from_a_dump() {
    let (one, two) = (module("one"), module("two"));
    let dump = [&[0xcc; 1000][..], &one, &[0; 77], b"\0asm", &two, b"tail"].concat();
    let expected = vec![("bytes@1000".to_owned(), Ok(one.clone())), (format!("bytes@{}", 1081 + one.len()), Ok(two))];
    assert_eq!(found(&dump, &Caps::default()), expected);
}

#[test]
fn archives_are_entered_however_they_are_nested() {
    let (one, two) = (module("one"), module("two"));
    let inner = gzip(&tarred(&[("../../etc/one.wasm", &one), ("note.txt", b"no module")]));
    let outer = zip(&[("C:\\..\\inner.tgz", &inner), ("two\u{1b}[2J.wasm", &two)], deflated());
    let expected = ["zip:C:\\..\\inner.tgz > gzip > tar:../../etc/one.wasm", "zip:two\u{1b}[2J.wasm"];
    assert_eq!(ways(&outer), expected);
    // After a program, as a self-extracting archive.
    assert_eq!(ways(&[&b"MZ\x90\0 a program "[..], &outer].concat()), expected);
}

#[test]
fn the_usual_password_opens_both_kinds_of_encryption() {
    use ::zip::unstable::write::FileOptionsExt as _;
    let module = module("f");
    for (password, expected) in [("infected", "zip:a.wasm"), ("other", "zip:a.wasm: encrypted")] {
        let old = deflated().with_deprecated_encryption(password.as_bytes()).unwrap();
        assert_eq!(ways(&zip(&[("a.wasm", &module)], old)), [expected], "ZipCrypto, {password}");
        let aes = deflated().with_aes_encryption(::zip::AesMode::Aes256, password);
        assert_eq!(ways(&zip(&[("a.wasm", &module)], aes)), [expected], "AES, {password}");
    }
}

#[test]
fn members_that_hide_behind_a_name_are_found() {
    let (one, two) = (module("one"), module("two"));
    let mut bytes = zip(&[("a.wasm", &one), ("b.wasm", &two)], deflated());
    while let Some(at) = memchr::memmem::find(&bytes, b"b.wasm") {
        bytes[at] = b'a';
    }
    let modules: Vec<_> = found(&bytes, &Caps::default()).into_iter().filter_map(|(_, found)| found.ok()).collect();
    assert!(modules.contains(&one) && modules.contains(&two), "{} found", modules.len());
}

#[test]
fn bombs_are_cut_and_the_cut_is_told() {
    let caps = Caps { member_bytes: 1 << 20, bytes: 3 << 20, members: 50, ..Caps::default() };
    let zeros = vec![0; 2 << 20];
    let cut = |bytes: &[u8]| found(bytes, &caps).into_iter().any(|(_, found)| found == Err(FailureKind::Cut));
    assert!(cut(&gzip(&zeros)), "a stream");
    assert!(cut(&zip(&[("zeros", &zeros)], deflated())), "a member");
    assert!(cut(&tarred(&[("zeros", &zeros)])), "a member of a tar");
    let many: Vec<String> = (0..60).map(|index| format!("{index}.wasm")).collect();
    let module = module("f");
    let members: Vec<_> = many.iter().map(|name| (&**name, &module[..])).collect();
    let all = found(&zip(&members, deflated()), &caps);
    assert_eq!(all.iter().filter(|(_, found)| found.is_ok()).count(), 50);
    assert_eq!(all.last().unwrap().1, Err(FailureKind::Cut));
    let nested = (0..12).fold(module, |inner, _| gzip(&inner));
    assert!(cut(&nested), "too deep");
}

#[test]
fn compressed_text_and_xz_and_zstd_are_read() {
    let module = module("f");
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz.write_all(&module).unwrap();
    assert_eq!(ways(&xz.finish().unwrap()), ["xz"]);
    let zstd = ruzstd::encoding::compress_to_vec(&module[..], ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(ways(&[&zstd[..], &zstd].concat()).len(), 1, "the second module is part of the first file");
    assert_eq!(ways(b" ;; words\n (; more ;)(module)"), [""]);
    assert_eq!(ways(b"(modul"), [""; 0]);
}

#[test]
fn what_is_broken_is_told_and_what_can_be_read_is() {
    let module = module("f");
    let archive = zip(&[("a.wasm", &module), ("b.wasm", &module)], deflated());
    // Without the list at its end.
    let list = memchr::memmem::find(&archive, b"PK\x01\x02").unwrap();
    assert_eq!(ways(&archive[..list]), ["zip: broken", "zip:a.wasm", "zip:b.wasm"]);
    let stream = gzip(&module);
    assert!(ways(&stream[..stream.len() - 4]).contains(&"gzip: broken".to_owned()));
}

#[test]
fn one_thing_left_out_is_told_in_the_singular() {
    assert_eq!(counted(1, "container deeper than the limit"), "1 container deeper than the limit");
    assert_eq!(counted(20, "member beyond the limit"), "20 members beyond the limit");
}
