//! Which modules begin threads: those that import a function that does, or a memory that they share with
//! others.

/// Imports that begin a thread, by their second name, without leading underscores.
const BEGIN: &[&str] = &["thread-spawn", "thread_spawn", "thread_spawn_v2", "pthread_create_js"];

/// Whether a module that imports functions with these second names begins threads. `is_shared`: it imports a
/// shared memory. Then somebody else is to have it, and what begins them may have any name.
pub(super) fn begins_threads<'n>(functions: impl IntoIterator<Item = &'n str>, is_shared: bool) -> bool {
    is_shared || functions.into_iter().any(|name| BEGIN.contains(&name.trim_start_matches('_')))
}
