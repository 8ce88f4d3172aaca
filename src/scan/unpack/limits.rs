//! Limits of unpacking, each with unit and reason.

/// Headers that claim too much within which others are looked for: each may mean a walk over sections without
/// number.
pub(super) const MAX_OVERSIZE: u64 = 64;

/// Bytes in JSON of the steps of a way up to which names in it are shown whole. Of a name that does not fit,
/// a part is shown and a part of its hash.
pub(super) const WAY_NAMES: usize = 1000;

/// Bytes in JSON of a name that are shown even so: its beginning tells what it was.
pub(super) const WAY_LEAST_NAME: usize = 96;

/// Memory that an xz or zstd stream may ask for, in KiB: what zstd's highest level takes, within the memory
/// of a worker.
pub(super) const DICTIONARY_KIB: u32 = 128 << 10;

/// Descriptors behind members of a zip file that are looked at: their list is held in memory.
pub(super) const ZIP_DESCRIPTORS: usize = 200_000;

/// Times that an archive's own bytes are read, all members together. That is once by the list, once by the
/// headers of members, and as much again for buffers. What is beyond that lies under several members.
pub(super) const ZIP_READS: u64 = 4;

/// Bytes of a zip file that are read even so: headers are read in pieces that are larger than a small
/// archive.
pub(super) const ZIP_READ_LEAST: u64 = 16 << 20;

/// Bytes that are read before a decoder is believed: enough to tell a stream from chance.
pub(super) const STREAM_PEEK: u64 = 256;

/// Bytes that are read to find out whether a stream can be read to its end, or for long: many pieces of a
/// text may be asked.
pub(super) const STREAM_WHOLE: u64 = 64 << 10;

/// Containers within containers: more than people make.
pub(super) const DEPTH: usize = 8;

/// Members of all archives and pieces of all texts together: each is looked at.
pub(super) const MEMBERS: u64 = 200_000;

/// Bytes that all members expand to: what a worker reads in its time.
pub(super) const BYTES: u64 = 4 << 30;

/// Members that the smallest file may have: some seconds.
pub(super) const LEAST_MEMBERS: u64 = 4000;

/// Bytes of a file for each further member: a member of a plain archive takes more.
pub(super) const MEMBER_PACKED: u64 = 20;

/// Bytes that all members of the smallest file may expand to: one of the largest members; some seconds.
pub(super) const LEAST_BYTES: u64 = 256 << 20;

/// Bytes that all members may expand to for each byte of the file: code is packed to a tenth.
pub(super) const ALL_RATIO: u64 = 50;

/// Bytes of one member: it is held in memory.
pub(super) const MEMBER_BYTES: u64 = 256 << 20;

/// Times its compressed size that a large member may have: code is packed to a tenth, zeros to a thousandth.
pub(super) const RATIO: u64 = 200;

/// Failures reported one by one; the others are counted.
pub(super) const FAILURES: u64 = 1000;

/// Bytes up to which nothing is a bomb: an empty memory compresses well.
pub(super) const BOMB_BYTES: u64 = 64 << 20;

/// Characters shown of why something could not be read: a line or two.
pub(super) const FAILURE_TEXT: usize = 200;
