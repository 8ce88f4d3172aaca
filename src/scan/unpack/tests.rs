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
    all.into_iter()
        .map(|(way, found)| if let Err(kind) = found { format!("{way}: {}", kind.name()) } else { way })
        .collect()
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
        .map(|byte| {
            if byte.is_ascii_alphabetic() { char::from(*byte).to_string() } else { format!("\\u{byte:04x}") }
        })
        .collect();
    let (left, right) = standard.split_at(20);
    let wrapped: Vec<&str> =
        standard.as_bytes().chunks(16).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for (what, text) in [
        ("html", format!("<html><script>var b = \"{standard}\";</script>")),
        ("data url", format!("fetch('data:application/wasm;base64,{standard}')")),
        (
            "percent",
            format!(
                "fetch('data:application/wasm;base64,{}')",
                standard.replace('+', "%2B").replace('/', "%2f")
            ),
        ),
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
    let outer = format!(
        "<script src='data:text/javascript;base64,{}'>",
        base64::engine::general_purpose::STANDARD.encode(inner)
    );
    let all = found(outer.as_bytes(), &Caps::default());
    assert_eq!(all, [("base64@41 > base64@9 > gzip".to_owned(), Ok(module))]);
}

#[test]
fn modules_are_carved_from_a_dump() {
    let (one, two) = (module("one"), module("two"));
    let dump = [&[0xcc; 1000][..], &one, &[0; 77], b"\0asm", &two, b"tail"].concat();
    let expected =
        vec![("bytes@1000".to_owned(), Ok(one.clone())), (format!("bytes@{}", 1081 + one.len()), Ok(two))];
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
    let modules: Vec<_> =
        found(&bytes, &Caps::default()).into_iter().filter_map(|(_, found)| found.ok()).collect();
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
    // The second module is part of the first file; each also lies there as it is, for neither shrinks.
    assert_eq!(ways(&[&zstd[..], &zstd].concat()).iter().filter(|way| *way == "zstd").count(), 1);
    let skippable = [&b"\x5a\x2a\x4d\x18\x03\0\0\0abc"[..], b"\x50\x2a\x4d\x18\0\0\0\0"].concat();
    assert_eq!(ways(&[&skippable[..], &zstd, &skippable].concat()), ["zstd"]);
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
fn what_is_left_out_is_told_with_the_limit() {
    let caps = Caps::default();
    for (cut, count, expected) in [
        (Cut::Depth, 1, "1 container within more than 8 others"),
        (Cut::Members, 20, "20 members beyond the limit of 200000"),
        (Cut::Bytes, 1, "1 member beyond the limit of 4294967296 bytes for all of them, expanded"),
        (
            Cut::MemberBytes,
            2,
            "2 members larger, expanded, than the limit of 268435456 bytes, or of 67108864 and 200 times the compressed size",
        ),
        (
            Cut::Overlaps,
            1,
            "1 member of zip files whose members lie over each other, of which 4 times their size was read",
        ),
        (Cut::Failures, 3, "3 failures beyond the limit of 1000"),
    ] {
        assert_eq!(cut.text(count, &caps), expected, "{cut:?}");
    }
}

/// A member of any kind, as it stands in a tar.
fn entry(name: &[u8], kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut header = ::tar::Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(::tar::EntryType::new(kind));
    header.set_size(contents.len() as u64);
    header.set_cksum();
    let padding = vec![0; contents.len().next_multiple_of(512) - contents.len()];
    [&header.as_bytes()[..], contents, &padding].concat()
}

#[test]
fn long_names_are_cut_and_stay_different() {
    let long = |last: u8| [&vec![0x1b; 100_000][..], &[last]].concat();
    let module = module("f");
    let archive: Vec<u8> = [b'a', b'b']
        .iter()
        .flat_map(|&last| [entry(b"long", b'L', &long(last)), entry(b"short", b'0', &module)].concat())
        .collect();
    let ways = ways(&archive);
    assert_eq!(ways.len(), 2, "{} ways", ways.len());
    assert!(ways[0] != ways[1] && ways.iter().all(|way| way.starts_with("tar:\u{1b}") && way.len() < 1100));
    // Also where a character is cut, or nothing is text.
    let mut sink = |_: &[String], _: Found<'_>| Ok(());
    let mut unpacker = Unpacker::new(&Caps::default(), &mut sink);
    for name in ["a\u{20ac}".repeat(600).into_bytes(), vec![0xff; 5000]] {
        let cut = unpacker.step("zip", &name);
        assert!(cut.len() < 1100 && cut.contains('…'), "{cut}");
    }
    assert_eq!(unpacker.step("zip", &[b'a'; 1000]), format!("zip:{}", "a".repeat(1000)));
    assert_eq!(unpacker.step("zip", &[0xff; 750]).len(), "zip;base64:".len() + 1000);
    // All names of a way together: what follows a long one still has its beginning.
    for name in [vec![1; 2000], vec![0xff; 2000], "\u{202e}".repeat(2000).into_bytes(), b"\"".repeat(2000)] {
        unpacker.inside.clear();
        for _ in 0..=Caps::default().depth {
            unpacker.inside.push(unpacker.step("zip", &name));
        }
        let mut row = Vec::new();
        crate::text::write_json_line(&mut row, &unpacker.inside).unwrap();
        assert!(row.len() < 2500, "{} bytes", row.len());
        assert!(
            unpacker.inside.iter().all(|step| step.chars().count() >= "zip:".len() + 16 + 17),
            "{:?}",
            unpacker.inside
        );
    }
    assert_eq!(unpacker.step("zip", b"sixteen bytes 16"), "zip:sixteen bytes 16");
}

/// The record at the end of an archive without members.
const EMPTY_ZIP: &[u8] = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[test]
fn a_container_hides_nothing_around_it() {
    let (one, two) = (module("one"), module("two"));
    let base64 = base64::engine::general_purpose::STANDARD.encode(&one);
    let archive = zip(&[("two.wasm", &two)], deflated());
    let tar = tarred(&[("two.wasm", &two)]);
    let header = entry(b"empty", b'0', b"");
    let way = |text: &str| text.to_owned();
    let after = |bytes: &[u8]| format!("bytes@{}", bytes.len());
    for (what, bytes, expected) in [
        (
            "an empty zip behind a page",
            [b"x='", base64.as_bytes(), b"'", EMPTY_ZIP].concat(),
            vec![way("base64@3")],
        ),
        ("an empty zip behind a dump", [&[0xcc; 50], &one[..], EMPTY_ZIP].concat(), vec![way("bytes@50")]),
        ("an empty zip behind a stream", [&gzip(&one)[..], EMPTY_ZIP].concat(), vec![way("gzip")]),
        ("an empty zip behind a tar", [&tar[..], EMPTY_ZIP].concat(), vec![way("tar:two.wasm")]),
        (
            "a program with a module and a zip",
            [b"MZ PK\x03\x04 ", &one[..], b"!", &archive].concat(),
            vec![way("zip:two.wasm"), way("bytes@8")],
        ),
        (
            "a zip within the comment of its end",
            {
                let mut bytes = archive.clone();
                let len = bytes.len();
                bytes[len - 2..].copy_from_slice(&(one.len() as u16).to_le_bytes());
                [&bytes[..], &one].concat()
            },
            vec![way("zip:two.wasm"), after(&archive)],
        ),
        (
            "a module behind the end of a tar",
            [&header[..], &[0; 512], &one].concat(),
            vec![way("bytes@1024")],
        ),
        (
            "a module where a tar is filled up",
            [&header[..], &[0; 1024 + 7], &one].concat(),
            vec![way("bytes@1543")],
        ),
        (
            "two tars",
            [&tar[..], &tarred(&[("one.wasm", &one)])].concat(),
            vec![way("tar:two.wasm"), way("tar:one.wasm")],
        ),
        (
            "a page behind a tar",
            [&tar[..], b"x='", base64.as_bytes(), b"'"].concat(),
            vec![way("tar:two.wasm"), format!("base64@{}", tar.len() + 3)],
        ),
        (
            "a page behind a stream",
            [&gzip(&two)[..], b"x='", base64.as_bytes(), b"'"].concat(),
            // So small a module is not compressed, and lies open as well: it is found once.
            vec![way("gzip: broken"), way("gzip"), format!("base64@{}", gzip(&two).len() + 3)],
        ),
    ] {
        assert_eq!(ways(&bytes), expected, "{what}");
    }
}

#[test]
fn at_the_last_depth_what_lies_open_is_found() {
    let one = module("one");
    let bytes = [&one[..], EMPTY_ZIP].concat();
    let deep = (0..8).fold([b"-", &bytes[..]].concat(), |inner, _| gzip(&inner));
    let ways = ways(&deep);
    assert!(ways[0].ends_with("gzip > bytes@1") && ways[1] == ": cut", "{ways:?}");
}

#[test]
fn members_of_a_tar_are_all_that_is_not_known_to_be_empty() {
    let module = module("f");
    for kind in [b'0', 0, b'7', b'S' + 1, b'V', 200] {
        let archive = entry(b"a.wasm", kind, &module);
        assert_eq!(ways(&archive), ["tar:a.wasm"], "kind {kind}");
    }
    for kind in *b"123456gx" {
        let archive = [entry(b"no", kind, b""), entry(b"a.wasm", b'0', &module)].concat();
        assert_eq!(ways(&archive), ["tar:a.wasm"], "kind {kind}");
    }
}

/// The archive with one name wherever it has the other.
fn renamed(mut archive: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    while let Some(at) = memchr::memmem::find(&archive, from) {
        archive[at..at + to.len()].copy_from_slice(to);
    }
    archive
}

#[test]
fn members_that_the_list_leaves_out_are_found() {
    use ::zip::unstable::write::FileOptionsExt as _;
    let (one, two) = (module("one"), module("two"));
    let members: [(&str, &[u8]); 2] = [("a.wasm", &one), ("b.wasm", &two)];
    let archive = zip(&members, deflated());
    let twins = renamed(archive.clone(), b"b.wasm", b"a.wasm");
    // Not told at its end how many there are: those of an archive with 64 bits have 0xffff there.
    let untold = |mut archive: Vec<u8>, count: u16| {
        let record = archive.len() - 22;
        for at in [8, 10] {
            archive[record + at..][..2].copy_from_slice(&count.to_le_bytes());
        }
        archive
    };
    let encrypted = deflated().with_deprecated_encryption(b"infected").unwrap();
    let secret = deflated().with_aes_encryption(::zip::AesMode::Aes256, "infected");
    for (what, bytes) in [
        ("as many as there are", archive.clone()),
        ("one of two", untold(archive.clone(), 1)),
        ("none of two", untold(archive.clone(), 0)),
        ("a shared name", twins.clone()),
        ("behind a byte", [b"-", &twins[..]].concat()),
        ("encrypted", renamed(zip(&members, encrypted), b"b.wasm", b"a.wasm")),
        ("encrypted with AES", renamed(zip(&members, secret), b"b.wasm", b"a.wasm")),
        ("64 bits", renamed(wide(&members), b"b.wasm", b"a.wasm")),
        ("sizes behind the data", renamed(streamed(&members), b"b.wasm", b"a.wasm")),
        ("sizes behind the data, without the list", {
            let bytes = streamed(&members);
            let list = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
            bytes[..list].to_vec()
        }),
    ] {
        let mut modules: Vec<_> =
            found(&bytes, &Caps::default()).into_iter().filter_map(|(_, found)| found.ok()).collect();
        modules.sort_unstable();
        let mut expected = [one.clone(), two.clone()];
        expected.sort_unstable();
        assert_eq!(modules, expected, "{what}: {:?}", ways(&bytes));
    }
    // What cannot be read is told.
    let other = deflated().with_aes_encryption(::zip::AesMode::Aes256, "other");
    let twins = renamed(zip(&members, other), b"b.wasm", b"a.wasm");
    assert_eq!(ways(&twins), ["zip:a.wasm: encrypted", "zip:a.wasm: encrypted"]);
}

/// An archive whose end has its counts in 64 bits only.
fn wide(members: &[(&str, &[u8])]) -> Vec<u8> {
    let archive = zip(members, deflated());
    let (list, end) = archive.split_at(archive.len() - 22);
    let at = |from: usize| u64::from(u32::from_le_bytes(end[from..from + 4].try_into().unwrap()));
    let count = (members.len() as u64).to_le_bytes();
    let mut bytes = list.to_vec();
    bytes.extend(
        [&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8], &count, &count].concat(),
    );
    bytes.extend([at(12).to_le_bytes(), at(16).to_le_bytes()].concat());
    bytes.extend([&b"PK\x06\x07\0\0\0\0"[..], &(list.len() as u64).to_le_bytes(), &[1, 0, 0, 0]].concat());
    bytes.extend([&b"PK\x05\x06\0\0\0\0"[..], &[0xff; 12], &[0; 2]].concat());
    bytes
}

/// An archive as it is written where nobody can go back: sizes and checksum of a member come after it.
fn streamed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new_stream(Vec::new());
    for (name, bytes) in members {
        writer.start_file(*name, deflated()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_folder_with_contents_is_a_member() {
    let module = module("f");
    let archive = renamed(zip(&[("a.wasmx", &module)], deflated()), b"a.wasmx", b"a.wasm/");
    assert_eq!(ways(&archive), ["zip:a.wasm/"]);
}

#[test]
fn every_beginning_in_base64_is_known() {
    let module = module("f");
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz.write_all(&module).unwrap();
    let mut named =
        flate2::GzBuilder::new().filename("a.wasm").write(Vec::new(), flate2::Compression::default());
    named.write_all(&module).unwrap();
    for (kind, bytes) in [
        ("zstd", ruzstd::encoding::compress_to_vec(&module[..], ruzstd::encoding::CompressionLevel::Fastest)),
        ("xz", xz.finish().unwrap()),
        ("gzip", named.finish().unwrap()),
    ] {
        let standard = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let percent = standard.replace('+', "%2B").replace('/', "%2F");
        let url_safe = base64::engine::general_purpose::URL_SAFE.encode(&bytes);
        for text in [standard, percent, url_safe] {
            assert_eq!(ways(format!("x='{text}'").as_bytes()), [format!("base64@3 > {kind}")], "{text}");
        }
    }
}

#[test]
fn digits_of_the_other_alphabet_are_no_part_of_a_piece() {
    // Its last bytes are all ones, and it has no padding.
    let mut module = module("f");
    let rest = 9 + (3 - (module.len() + 2) % 3);
    module.extend([&[0, rest as u8, 1, b'x'][..], &vec![0xff; rest - 2]].concat());
    for (engine, after) in [
        (&base64::engine::general_purpose::STANDARD, "\n-----END-----"),
        (&base64::engine::general_purpose::URL_SAFE_NO_PAD, "/"),
    ] {
        let text = format!("{}{after}", engine.encode(&module));
        let all = found(text.as_bytes(), &Caps::default());
        assert_eq!(all, [("base64@0".to_owned(), Ok(module.clone()))], "{text}");
    }
}

#[test]
fn a_data_url_without_contents_hides_no_other() {
    let base64 = base64::engine::general_purpose::STANDARD.encode(gzip(&module("f")));
    // Not in base64 as it is known to begin: only the second URL tells.
    let text = format!(
        ";base64,;base64,{}",
        &base64::engine::general_purpose::STANDARD.encode(format!(" x='{base64}'"))
    );
    assert_eq!(ways(text.as_bytes()), ["base64@16 > base64@4 > gzip"]);
}

/// A zip with a member in LZMA, which the library reads and does not write. The stream goes in as it is; then
/// method, size and checksum are put right.
fn lzma(name: &str, module: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::LzmaWriter::new_use_header(
        Vec::new(),
        &lzma_rust2::LzmaOptions::default(),
        Some(module.len() as u64),
    )
    .unwrap();
    writer.write_all(module).unwrap();
    let stream = writer.finish().unwrap();
    // Version of the encoder, bytes of the properties, properties; the size is in the archive.
    let stored = [&[9, 20, 5, 0], &stream[..5], &stream[13..]].concat();
    let options =
        ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    let mut archive = zip(&[(name, &stored)], options);
    let mut checksum = flate2::Crc::new();
    checksum.update(module);
    for (magic, method) in [(b"PK\x03\x04", 8), (b"PK\x01\x02", 10)] {
        let header = memchr::memmem::find(&archive, magic).unwrap();
        archive[header + method] = 14;
        archive[header + method + 6..][..4].copy_from_slice(&checksum.sum().to_le_bytes());
        archive[header + method + 14..][..4].copy_from_slice(&(module.len() as u32).to_le_bytes());
    }
    archive
}

/// Everything that is entered, and modules in it. `fuzz/seeds` has them written for the fuzz target, behind a
/// first byte that tells it to take them as they are.
#[test]
fn every_kind_of_container_is_entered() {
    use ::zip::{CompressionMethod, unstable::write::FileOptionsExt as _, write::SimpleFileOptions};
    let module = module("f");
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let xz = SimpleFileOptions::default().compression_method(CompressionMethod::Xz);
    let members: [(&str, &[u8]); 2] = [("a.wasm", &module), ("b/note.txt", b"no module")];
    let base64 = base64::engine::general_purpose::STANDARD.encode(&module);
    let mut xz_stream = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
    xz_stream.write_all(&module).unwrap();
    let seeds = std::env::var_os("SPOOR_SEEDS").map(std::path::PathBuf::from);
    if let Some(folder) = &seeds {
        std::fs::create_dir_all(folder).unwrap();
    }
    for (name, bytes) in [
        ("stored.zip", zip(&members, stored)),
        ("deflate.zip", zip(&members, deflated())),
        ("xz.zip", zip(&members, xz)),
        ("lzma.zip", lzma("a.wasm", &module)),
        ("aes.zip", zip(&members, deflated().with_aes_encryption(::zip::AesMode::Aes256, "infected"))),
        ("zipcrypto.zip", zip(&members, deflated().with_deprecated_encryption(b"infected").unwrap())),
        ("wide.zip", wide(&members)),
        ("streamed.zip", streamed(&members)),
        (
            "shared-name.zip",
            renamed(zip(&[("a.wasm", &module), ("b.wasm", &module)], deflated()), b"b.wasm", b"a.wasm"),
        ),
        ("program.zip", [b"MZ program", &zip(&members, deflated())[..]].concat()),
        ("plain.tar", tarred(&members)),
        ("long.tar", [entry(b"long", b'L', &[b'n'; 600]), entry(b"short", b'7', &module)].concat()),
        ("deflate.tar.gz", gzip(&tarred(&members))),
        ("a.xz", xz_stream.finish().unwrap()),
        (
            "a.zst",
            ruzstd::encoding::compress_to_vec(&module[..], ruzstd::encoding::CompressionLevel::Fastest),
        ),
        ("page.html", format!("<script>var m = \"{base64}\"</script>").into_bytes()),
        ("url.html", format!("<script>fetch('data:application/wasm;base64,{base64}')</script>").into_bytes()),
    ] {
        let modules: Vec<_> =
            found(&bytes, &Caps::default()).into_iter().filter_map(|(_, found)| found.ok()).collect();
        assert_eq!(modules.first(), Some(&module), "{name}: {:?}", ways(&bytes));
        if let Some(folder) = &seeds {
            std::fs::write(folder.join(name), [&[7], &bytes[..]].concat()).unwrap();
        }
    }
}

#[test]
fn a_zip_behind_a_module_is_entered() {
    let outer = module("outer");
    let bytes = [&outer[..], &zip(&[("a.wasm", &module("inner"))], deflated())].concat();
    let mut seen = Vec::new();
    let mut sink = |inside: &[String], found: Found<'_>| {
        let Found::Module(module) = found else { panic!("{inside:?}") };
        seen.push((inside.join("/"), module.to_vec()));
        Ok(())
    };
    embedded(&bytes, None, &Caps::default(), &mut sink).unwrap();
    assert_eq!(seen, [("zip:a.wasm".to_owned(), module("inner")), ("bytes@0".to_owned(), outer)]);
}

/// The header of a member, its name, and its data.
fn local(method: u16, name: &str, extra: &[u8], (data, expanded): (&[u8], &[u8])) -> Vec<u8> {
    let sizes = sizes(data, expanded);
    let fields = [[20, 0, method, 0, 0x21].map(u16::to_le_bytes).concat(), sizes, lens(name, extra)].concat();
    [&b"PK\x03\x04"[..], &fields, name.as_bytes(), extra, data].concat()
}

fn sizes(data: &[u8], expanded: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(expanded);
    [checksum.sum(), data.len() as u32, expanded.len() as u32].map(u32::to_le_bytes).concat()
}

fn lens(name: &str, extra: &[u8]) -> Vec<u8> {
    [name.len() as u16, extra.len() as u16].map(u16::to_le_bytes).concat()
}

/// An archive of the member at its beginning, which the list has so.
fn list(mut archive: Vec<u8>, method: u16, name: &str, (data, expanded): (&[u8], &[u8])) -> Vec<u8> {
    let at = archive.len() as u32;
    let entry =
        [[20, 20, 0, method, 0, 0x21].map(u16::to_le_bytes).concat(), sizes(data, expanded), lens(name, b"")]
            .concat();
    archive.extend([&b"PK\x01\x02"[..], &entry, &[0; 14], name.as_bytes()].concat());
    let size = archive.len() as u32 - at;
    archive.extend(
        [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &size.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat(),
    );
    archive
}

/// Each makes its reader read a MiB, and gives nothing.
#[test]
fn members_that_lie_over_each_other_are_read_a_few_times() {
    let blocks = b"\0\0\0\xff\xff".repeat(200_000);
    let data = [&blocks[..], b"\x01\0\0\xff\xff"].concat();
    let mut archive = [local(8, "m", b"", (&data, b"")), module("f")].concat();
    let (at, count) = (archive.len() as u32, 100_u16);
    for member in 0..count {
        let name = format!("m{member}");
        let fields = [20, 20, 0, 8, 0, 0x21].map(u16::to_le_bytes).concat();
        let entry = [fields, sizes(&data, b""), lens(&name, b"")].concat();
        archive.extend([&b"PK\x01\x02"[..], &entry, &[0; 14], name.as_bytes()].concat());
    }
    let size = archive.len() as u32 - at;
    let counts = [count, count].map(u16::to_le_bytes).concat();
    archive.extend(
        [&b"PK\x05\x06\0\0\0\0"[..], &counts, &size.to_le_bytes(), &at.to_le_bytes(), &[0; 2]].concat(),
    );
    let ways = ways(&archive);
    assert!(ways.contains(&": cut".to_owned()), "{ways:?}");
    assert!(ways.iter().any(|way| way.starts_with("bytes@") && !way.contains(':')), "{ways:?}");
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

#[test]
fn headers_and_streams_hide_nothing_that_lies_beside_what_they_say() {
    let module = module("f");
    let hello = deflate(b"hello");
    let slack = [&hello[..], &module].concat();
    let extra = [&[0x99, 0x99, module.len() as u8, 0][..], &module].concat();
    let plain: (&[u8], &[u8]) = (b"hello", b"hello");
    let zipped = deflate(&module);
    let skipped = [&b"\x50\x2a\x4d\x18"[..], &(module.len() as u32).to_le_bytes(), &module].concat();
    let frame = b"\x28\xb5\x2f\xfd\x20\0\x01\0\0";
    let field =
        [&(module.len() as u16 + 4).to_le_bytes()[..], &[1, 0, module.len() as u8, 0], &module].concat();
    let named =
        flate2::GzBuilder::new().extra(field[2..].to_vec()).write(Vec::new(), flate2::Compression::default());
    for (what, bytes, expected) in [
        (
            "behind the end of what is compressed",
            list(local(8, "a.txt", b"", (&slack, b"hello")), 8, "a.txt", (&slack, b"hello")),
            format!("bytes@{}", 30 + 5 + hello.len()),
        ),
        (
            "in a field of a header",
            list(local(0, "a.txt", &extra, plain), 0, "a.txt", plain),
            "bytes@39".into(),
        ),
        (
            "stored in another way than the list says",
            list(local(8, "a.txt", b"", (&zipped, &module)), 0, "a.txt", (b"", b"")),
            "zip:a.txt".into(),
        ),
        (
            "of another size than the list says",
            list(local(8, "a.txt", b"", (&zipped, &module)), 8, "a.txt", (&hello, b"hello")),
            "zip:a.txt: broken; zip:a.txt".into(),
        ),
        (
            "within one that cannot be read",
            {
                let inner = local(8, "b.txt", b"", (&zipped, &module));
                let broken = [&[0xff; 9][..], &inner].concat();
                list(local(8, "a.txt", b"", (&broken, b"hello")), 8, "a.txt", (&broken, b"hello"))
            },
            "zip:a.txt: broken; zip:b.txt".into(),
        ),
        ("in a frame that is passed over", [&skipped[..], frame].concat(), "bytes@8".into()),
        ("in another such frame", [frame, &skipped[..]].concat(), "bytes@17".into()),
        ("in a field of a gzip", named.finish().unwrap(), "bytes@16".into()),
    ] {
        assert_eq!(ways(&bytes).join("; "), expected, "{what}");
    }
}

/// A module with the contents in a custom section before its code.
fn carrier(contents: &[u8]) -> Vec<u8> {
    let inner = module("carrier");
    let section = [&b"\x01x"[..], contents].concat();
    let len = section.len();
    assert!((128..16384).contains(&len), "two bytes for its length");
    [&inner[..8], &[0, len as u8 | 0x80, (len >> 7) as u8], &section, &inner[8..]].concat()
}

#[test]
fn a_module_is_not_cut_by_what_looks_like_a_container_in_it() {
    let member = local(0, "a.txt", b"", (b"hello", b"hello"));
    let outer = carrier(&[&[b'.'; 100][..], &member, EMPTY_ZIP].concat());
    for (what, before) in
        [("a dump", vec![0xcc; 50]), ("an archive", member.clone()), ("a tar", tarred(&[("a", b"a")]))]
    {
        // The end of an empty archive, whose comment is all that follows it.
        let mut bytes = [&before[..], &outer, &[0; 30]].concat();
        let end = memchr::memmem::rfind(&bytes, EMPTY_ZIP).unwrap() + EMPTY_ZIP.len();
        let comment = (bytes.len() - end) as u16;
        bytes[end - 2..end].copy_from_slice(&comment.to_le_bytes());
        let whole = bytes[before.len()..][..outer.len()].to_vec();
        let modules: Vec<_> =
            found(&bytes, &Caps::default()).into_iter().filter_map(|(_, found)| found.ok()).collect();
        assert!(modules.contains(&whole), "{what}: {:?}", ways(&bytes));
    }
}

#[test]
fn a_decoy_in_text_hides_no_module() {
    let module = module("f");
    let base64 = base64::engine::general_purpose::STANDARD.encode(&module);
    let hex: String = module.iter().map(|byte| format!("{byte:02x}")).collect();
    for (text, expected) in [
        (format!("';base64,x'+'{base64}'"), "base64@13"),
        (format!("';base64,x' +\n '%2B' + '/{base64}'"), "base64@25"),
        (format!("'AGFzbQ{base64}'"), "base64@7"),
        (format!("'AGFzbQ{base64}{base64}'"), "base64@7"),
        (format!("';base64,-AGFzbQ/{base64}'"), "base64@17"),
        (format!("'0061736d010000000{hex}'"), "hex@18"),
    ] {
        let all = found(text.as_bytes(), &Caps::default());
        let found = all.iter().any(|(way, found)| {
            way == expected && found.as_ref().is_ok_and(|found| found.starts_with(&module))
        });
        assert!(found, "{text}: {:?}", ways(text.as_bytes()));
    }
    // As many readings as there are phases, however many beginnings.
    let ways = ways("AGFzbQA".repeat(10_000).as_bytes());
    assert_eq!(ways, ["base64@0", "base64@7", "base64@14", "base64@21"]);
}

#[test]
fn a_header_that_claims_more_than_a_sample_may_have_hides_no_module() {
    let module = module("f");
    let decoy = b"\0asm\x01\0\0\0\0\x80\x20\x01d";
    let dump = [&[0xcc; 10][..], decoy, &[0xcc; 100], &module, &[0xcc; 5000]].concat();
    let caps = Caps { bytes: 1000, ..Caps::default() };
    let expected =
        [("bytes@10".to_owned(), Err(FailureKind::TooLarge)), ("bytes@123".to_owned(), Ok(module))];
    assert_eq!(found(&dump, &caps), expected);
    // As one they would take time that grows with their square.
    let many = [&b"."[..], &decoy.repeat(200), &[0xcc; 9000]].concat();
    assert_eq!(found(&many, &caps).len() as u64, 65);
}

#[test]
fn what_a_sparse_file_leaves_out_counts_as_expanded() {
    let mut header = ::tar::Header::new_gnu();
    header.as_old_mut().name[0] = b'a';
    header.set_entry_type(::tar::EntryType::GNUSparse);
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    for field in [&mut gnu.realsize, &mut gnu.sparse[0].offset] {
        field.copy_from_slice(b"00400000000\0");
    }
    gnu.sparse[0].numbytes.copy_from_slice(b"00000000000\0");
    header.set_cksum();
    let archive = [&header.as_bytes()[..], &entry(b"b.wasm", b'0', &module("f")), &[0; 1024]].concat();
    // It says 64 MiB; it may have as many as any other of nothing.
    let found = found(&archive, &Caps { bytes: (64 << 20) + 1000, ..Caps::default() });
    assert_eq!(found.len(), 1, "{:?}", found.iter().map(|(way, _)| way).collect::<Vec<_>>());
    let mut sink = |_: &[String], _: Found<'_>| Ok(());
    let mut unpacker = Unpacker::new(&Caps::default(), &mut sink);
    assert_eq!(unpacker.read(io::repeat(0), Some(0)).0.len() as u64, Caps::BOMB_BYTES);
}

/// What is found in a module.
fn inner(module: &[u8], source: Option<&[u8]>) -> Vec<(String, Vec<u8>)> {
    let mut seen = Vec::new();
    let mut sink = |inside: &[String], found: Found<'_>| {
        let Found::Module(module) = found else { panic!("{inside:?}") };
        seen.push((inside.join("/"), module.to_vec()));
        Ok(())
    };
    embedded(module, source, &Caps::default(), &mut sink).unwrap();
    seen
}

#[test]
fn a_module_in_a_section_ends_with_it() {
    let small = module("f");
    let mut outer = carrier(&[&[b'.'; 100][..], &small].concat());
    outer.extend([0, 3, 1, b'z', 0]);
    let place = format!("bytes@{}", 13 + 100);
    assert_eq!(inner(&outer, None), [(place, small)]);
}

#[test]
fn the_text_of_a_module_is_searched_too() {
    let small = module("f");
    let base64 = base64::engine::general_purpose::STANDARD.encode(&small);
    let hexadecimal: String = small.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(";; '{base64}'\n(module (memory 1) (data (i32.const 0) \"{hexadecimal}\"))");
    let outer = wat::parse_str(&text).unwrap();
    let found = inner(&outer, Some(text.as_bytes()));
    let data = memchr::memmem::find(&outer[8..], b"\0asm").unwrap() + 8;
    assert_eq!(found, [(format!("bytes@{data}"), small.clone()), ("base64@4".to_owned(), small)]);
}

#[test]
fn a_small_file_expands_to_less_than_a_large_one() {
    let caps = |len| {
        let Caps { members, bytes, .. } = Caps::of_file(len);
        (members, bytes)
    };
    assert_eq!(caps(0), (4000, 256 << 20));
    assert_eq!(caps(48 << 10), (6457, (256 << 20) + 50 * (48 << 10)));
    assert_eq!(caps(1 << 30), (200_000, 4 << 30));
}
