//! Which modules begin threads: those that import what does, or a memory that they share with others.

use super::Import;

/// Imports that begin a thread, by their second name, without leading underscores.
const BEGIN: &[&str] = &["thread-spawn", "thread_spawn", "thread_spawn_v2", "pthread_create_js"];

/// Whether a module with these imports begins threads. `is_shared`: it imports a shared memory. Then somebody
/// else is to have it, and what begins them may have any name.
pub(super) fn begins_threads(imports: &[Import], is_shared: bool) -> bool {
    is_shared || imports.iter().any(|import| import.is_function() && begins_thread(&import.name))
}

/// Whether an imported function with this second name begins a thread.
pub(super) fn begins_thread(name: &str) -> bool {
    BEGIN.contains(&name.trim_start_matches('_'))
}
