//! The files that a sample finds: the user's, then what the persona has.

use std::collections::BTreeMap;

use super::{
    fs::{Fs, Kind},
    persona::Persona,
};

/// A tree of these files, of what `persona` has where there is none of that path, and of `dirs`.
pub(super) fn tree(files: &BTreeMap<String, Vec<u8>>, persona: &Persona, dirs: &[&str], now_ns: u64) -> Fs {
    let mut fs = Fs::empty(now_ns);
    for (path, bytes) in files {
        fs.install(path, Kind::File(bytes.clone()));
    }
    // In the order of paths: so is a listing.
    let mut documents: Vec<_> = persona.files.iter().collect();
    documents.sort_by(|one, other| one.path.cmp(&other.path));
    for document in documents {
        fs.now_ns = now_ns.saturating_sub(document.age_ns);
        fs.install(&document.path, Kind::File(document.bytes.clone()));
    }
    fs.now_ns = now_ns;
    for (path, target) in &persona.links {
        fs.install(path, Kind::Link(target.clone()));
    }
    for dir in persona.dirs.iter().map(String::as_str).chain(dirs.iter().copied()) {
        fs.make_dirs(dir);
    }
    fs.begin();
    fs
}

#[cfg(test)]
mod tests {
    use super::{super::fs::ROOT, *};

    #[test]
    fn the_persona_does_not_replace_files() {
        let mine = [("/etc/passwd".to_owned(), b"mine".to_vec())];
        let fs = tree(&mine.into(), &Persona::default(), &["/empty"], 1 << 60);
        let read = |path: &str| {
            let ino = fs.resolve(ROOT, path, true).unwrap().ino.unwrap();
            fs.read(ino, 0, 1 << 20).unwrap().to_vec()
        };
        assert_eq!(read("etc/passwd"), b"mine");
        assert!(read("home/user/documents/report.txt").len() > 100);
        assert!(fs.dir_at("/empty").is_some() && fs.dir_at("/etc/passwd").is_none());
    }
}
