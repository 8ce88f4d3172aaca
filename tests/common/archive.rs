//! The body of the fuzz target `archive`: foreign bytes are looked into, whatever they are.

use std::io::{Cursor, Write as _};

use wasmspoor::scan::{
    frame,
    unpack::{Caps, Found, embedded, unpack},
};

/// The first byte says how the rest is wrapped, so that the parts behind headers and checksums are reached.
/// Whatever comes of it keeps the caps.
#[allow(unreachable_pub)]
pub fn body(data: &[u8]) {
    let Some((&kind, data)) = data.split_first() else { return };
    let caps = Caps { depth: 4, members: 50, bytes: 4 << 20, member_bytes: 1 << 20, ratio: 50, failures: 10 };
    let wrapped = match kind % 8 {
        0 => tar(data),
        1 => gzip(data),
        2 => zip(data),
        3 => broken(zip(data), data),
        4 => broken(tar(data), data),
        _ => data.to_vec(),
    };
    // Pieces may lie in each other, and each counts.
    let (mut found, mut bytes, mut failures) = (0, 0, 0);
    let mut sink = |inside: &[String], piece: Found<'_>| {
        assert!(inside.len() <= caps.depth + 1, "{inside:?}");
        match piece {
            Found::Module(module) => {
                found += 1;
                bytes += module.len() as u64;
            }
            Found::Failure(_) => failures += 1,
        }
        Ok(())
    };
    unpack(&wrapped, &caps, &mut sink).expect("the sink takes everything");
    assert!(found <= caps.members + 1, "{found} modules");
    assert!(bytes <= caps.bytes + wrapped.len() as u64, "{bytes} bytes");
    // A line for each cap at most.
    assert!(failures <= caps.failures + 8, "{failures} failures");
    embedded(&wrapped, Some(data), &caps, &mut |_: &[String], _: Found<'_>| Ok(()))
        .expect("the sink takes everything");
    let mut input = data;
    while let Ok(Some((_, payload))) = frame::read(&mut input, 1 << 20) {
        assert!(payload.len() <= data.len());
    }
}

fn tar(data: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for part in data.chunks(700) {
        let mut header = tar::Header::new_gnu();
        let name = part.get(..part.len().min(20)).unwrap_or_default();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkflag[0] = part.first().copied().unwrap_or(0);
        header.set_size(part.len() as u64);
        header.set_cksum();
        let _ = builder.append(&header, part);
    }
    builder.into_inner().unwrap_or_default()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let _ = writer.write_all(data);
    writer.finish().unwrap_or_default()
}

fn zip(data: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (index, part) in data.chunks(500).enumerate() {
        let method =
            if index % 2 == 0 { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
        if writer.start_file(format!("{index}"), options.compression_method(method)).is_ok() {
            let _ = writer.write_all(part);
        }
    }
    writer.finish().map(Cursor::into_inner).unwrap_or_default()
}

/// With bytes changed where the data says.
fn broken(mut bytes: Vec<u8>, data: &[u8]) -> Vec<u8> {
    let len = bytes.len().max(1);
    for change in data.chunks_exact(3).take(8) {
        // From the end: that is where a zip has its list.
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % len;
        if let Some(byte) = bytes.get_mut(len - 1 - at) {
            *byte = change[2];
        }
    }
    bytes
}
