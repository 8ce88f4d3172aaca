//! Every function of preview1: its arguments, as `signature` reads them, and what answers it.

use super::{Act, args, clock, fd, path, poll, process, readdir, sock, stat};

/// A function.
#[derive(Debug)]
pub(in crate::sandbox) struct Function {
    pub(in crate::sandbox) name: &'static str,
    pub(in crate::sandbox) params: &'static str,
    pub(in crate::sandbox) act: Act,
    /// Whether its answer is of things that the sandbox really has.
    pub(in crate::sandbox) is_real: bool,
}

pub(super) const fn real(name: &'static str, params: &'static str, act: Act) -> Function {
    Function { name, params, act, is_real: true }
}

/// A function whose answer is made up.
pub(super) const fn made(name: &'static str, params: &'static str, act: Act) -> Function {
    Function { name, params, act, is_real: false }
}

/// The function called `name`.
pub(in crate::sandbox) fn find(name: &str) -> Option<&'static Function> {
    TABLE.iter().find(|function| function.name == name)
}

/// All of them. `proc_exit` ends the program and stands in `world`.
const TABLE: &[Function] = &[
    real("args_get", "argv argv_buf", args::args_get),
    real("args_sizes_get", "argc argv_buf_size", args::args_sizes_get),
    real("environ_get", "environ environ_buf", args::environ_get),
    real("environ_sizes_get", "count buf_size", args::environ_sizes_get),
    real("clock_res_get", "id resolution", clock::clock_res_get),
    real("clock_time_get", "id precision:L time", clock::clock_time_get),
    real("fd_advise", "fd offset:L len:L advice", fd::fd_advise),
    real("fd_allocate", "fd offset:L len:L", fd::fd_allocate),
    real("fd_close", "fd", fd::fd_close),
    real("fd_datasync", "fd", fd::fd_datasync),
    real("fd_fdstat_get", "fd stat", stat::fd_fdstat_get),
    real("fd_fdstat_set_flags", "fd flags", stat::fd_fdstat_set_flags),
    real("fd_fdstat_set_rights", "fd rights_base:L rights_inheriting:L", stat::fd_fdstat_set_rights),
    real("fd_filestat_get", "fd stat", stat::fd_filestat_get),
    real("fd_filestat_set_size", "fd size:L", stat::fd_filestat_set_size),
    real("fd_filestat_set_times", "fd atim:L mtim:L flags", stat::fd_filestat_set_times),
    real("fd_pread", "fd iovs:iov iovs_len offset:L nread", fd::fd_pread),
    real("fd_prestat_get", "fd prestat", stat::fd_prestat_get),
    real("fd_prestat_dir_name", "fd path:out path_len", stat::fd_prestat_dir_name),
    real("fd_pwrite", "fd iovs:ciov iovs_len offset:L nwritten", fd::fd_pwrite),
    real("fd_read", "fd iovs:iov iovs_len nread", fd::fd_read),
    real("fd_readdir", "fd buf buf_len cookie:L bufused", readdir::fd_readdir),
    real("fd_renumber", "fd to", fd::fd_renumber),
    real("fd_seek", "fd offset:L whence newoffset", fd::fd_seek),
    real("fd_sync", "fd", fd::fd_sync),
    real("fd_tell", "fd offset", fd::fd_tell),
    real("fd_write", "fd iovs:ciov iovs_len nwritten", fd::fd_write),
    real("path_create_directory", "fd path:str path_len", path::path_create_directory),
    real("path_filestat_get", "fd flags path:str path_len stat", stat::path_filestat_get),
    real(
        "path_filestat_set_times",
        "fd flags path:str path_len atim:L mtim:L fst_flags",
        stat::path_filestat_set_times,
    ),
    real(
        "path_link",
        "old_fd old_flags old_path:str old_path_len new_fd new_path:str new_path_len",
        path::path_link,
    ),
    real(
        "path_open",
        "fd dirflags path:str path_len oflags rights_base:L rights_inheriting:L fdflags opened_fd",
        path::path_open,
    ),
    real("path_readlink", "fd path:str path_len buf buf_len bufused", path::path_readlink),
    real("path_remove_directory", "fd path:str path_len", path::path_remove_directory),
    real("path_rename", "fd old_path:str old_path_len new_fd new_path:str new_path_len", path::path_rename),
    real("path_symlink", "old_path:str old_path_len fd new_path:str new_path_len", path::path_symlink),
    real("path_unlink_file", "fd path:str path_len", path::path_unlink_file),
    real("poll_oneoff", "in out nsubscriptions nevents", poll::poll_oneoff),
    made("proc_raise", "signal", process::proc_raise),
    real("random_get", "buf:out buf_len", process::random_get),
    real("sched_yield", "", process::sched_yield),
    made("sock_accept", "fd flags new_fd", sock::sock_accept),
    made("sock_recv", "fd ri_data:iov ri_data_len ri_flags ro_datalen ro_flags", sock::sock_recv),
    made("sock_send", "fd si_data:ciov si_data_len si_flags so_datalen", sock::sock_send),
    made("sock_shutdown", "fd how", sock::sock_shutdown),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::sandbox::signature;

    #[test]
    fn the_table_is_whole() {
        let names: BTreeSet<_> = TABLE.iter().map(|function| function.name).collect();
        assert_eq!((names.len(), TABLE.len()), (45, 45), "the 46 functions of preview1 without `proc_exit`");
        for function in TABLE {
            for word in function.params.split_whitespace() {
                let kind = word.split_once(':').map_or("", |(_, kind)| kind);
                assert!(signature::kind_of(kind).is_some(), "{}: {word}", function.name);
            }
        }
    }
}
