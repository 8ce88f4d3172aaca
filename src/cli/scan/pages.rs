//! The pages of the worst samples of a batch, which its overview links to.
//!
//! A worker makes each as `spoor run --html` would, confined and bounded like any other. Only samples that
//! are files of their own have one: those within others would have to be written to disk first.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufReader, Read as _, Write as _},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use wasmspoor::scan::{
    message::Message,
    overview::{self, REPORTS},
    process::{Spawner, WorkerEnd},
    rows::SampleRow,
    store::Store,
    worker::MAX_SAMPLE_BYTES,
};

/// Makes the pages that are not there yet, `jobs` at a time. What has no page after that is not linked to. An
/// interruption ends it.
pub(super) fn write(store: &Store, jobs: usize, spawner: &Spawner) -> anyhow::Result<()> {
    let samples = BufReader::new(File::open(store.folder().join("samples.jsonl"))?);
    let worst = overview::worst_files(samples)?;
    if worst.is_empty() {
        return Ok(());
    }
    let folder = store.folder().join(REPORTS);
    match fs::create_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !folder.is_symlink() => {}
        made => made?,
    }
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, worst.len()) {
            scope.spawn(|| {
                while let Some(row) = worst.get(next.fetch_add(1, Relaxed)) {
                    let name = overview::report(&row.sha256);
                    if spawner.interrupted.load(Relaxed) {
                        break;
                    }
                    if store.folder().join(&name).exists() {
                        continue;
                    }
                    if let Some(page) = page(spawner, row) {
                        // Without it the sample is not linked to.
                        _ = store.replace(&name, |file| file.write_all(page.as_bytes()));
                    }
                }
            });
        }
    });
    Ok(())
}

/// The page of a sample. None if its file is gone or is another now, or if the worker did not come to its
/// end.
fn page(spawner: &Spawner, row: &SampleRow) -> Option<String> {
    let path = Path::new(&row.origin.path);
    let mut sample = Vec::new();
    File::open(path).ok()?.take(MAX_SAMPLE_BYTES).read_to_end(&mut sample).ok()?;
    let (mut page, mut is_it, mut words) = (None, false, OsString::from("--page="));
    words.push(path);
    let end = spawner.page(&[words], &sample, |message| match message {
        Message::Outcome(rows) => is_it = rows.sample.module_sha256 == row.module_sha256,
        Message::Page(html) => page = Some(html),
        _ => {}
    });
    page.filter(|_| is_it && end == WorkerEnd::Done)
}

/// The pages that a folder has.
pub(super) fn there(folder: &Path) -> impl Fn(&str) -> bool + '_ {
    move |sha256| folder.join(overview::report(sha256)).is_file()
}
