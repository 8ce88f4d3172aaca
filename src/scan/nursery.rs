//! A process that has read its rules and forks a worker for each sample. To start a program and read rules
//! takes ten times as long as a fork.
//!
//! ```text
//! scan ── socket ── nursery (reads no sample, has no other descriptor)
//!   └──── pipes ────── worker (forked, confines itself, analyses one sample or looks into one file, ends)
//! ```
//!
//! A nursery has one worker at a time. It is told to fork and to kill, and says how a worker ended. It alone
//! deals with process numbers, so none that was given away again is ever killed. When the scan is gone it
//! kills its worker and ends. Memory of its workers is laid out alike. So a scan renews it after many
//! samples, and after each that did not end as it should.

use std::{
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read as _, Write as _},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
};

use fork::{Fork, fork};
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, recvmsg, sendmsg,
    },
    process::{Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal, waitpid},
};

use super::limits::{NURSERY_SAMPLES, START_TIME};

/// To the nursery: fork a worker that analyses a sample, on the three descriptors that come with this.
const FORK: u8 = b'f';
/// To it: fork one that looks into the file that the first of the descriptors is.
const UNPACK: u8 = b'u';
/// To it: kill the worker.
const KILL: u8 = b'k';
/// From it: it can fork.
const READY: u8 = b'r';
/// From it: the worker ended; its status as the kernel has it.
const ENDED: u8 = b'e';
/// From it: there is no worker; the number of the error.
const FAILED: u8 = b'x';

/// A message: what, and a number.
fn message(kind: u8, number: i32) -> [u8; 5] {
    let [a, b, c, d] = number.to_le_bytes();
    [kind, a, b, c, d]
}

fn parse([kind, number @ ..]: [u8; 5]) -> (u8, i32) {
    (kind, i32::from_le_bytes(number))
}

/// What it cannot do here.
fn unsupported(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, what)
}

/// What a worker is forked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To analyse the sample that comes in a message.
    Analyse,
    /// To look into the file that its standard input is, of so many bytes.
    Unpack(u64),
}

/// The streams of a worker, seen from the scan; it has none to write to where the worker reads a file.
pub(super) type Streams = (Option<ChildStdin>, ChildStdout, ChildStderr);

/// A nursery, seen from the scan.
#[derive(Debug)]
pub(super) struct Nursery {
    control: UnixStream,
    process: Child,
    samples: u32,
}

impl Nursery {
    /// The number of its process, which is the parent of its worker.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Starts one, as `command` says, whose standard input is its socket, and waits until it can fork.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or cannot fork here.
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let (control, other) = UnixStream::pair()?;
        command.stdin(OwnedFd::from(other)).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn()?;
        // The command holds the other end open.
        drop(command);
        let mut nursery = Self { control, process, samples: 0 };
        nursery.control.set_read_timeout(Some(START_TIME))?;
        match nursery.read()? {
            (READY, _) => nursery.control.set_read_timeout(None).map(|()| nursery),
            _ => Err(unsupported("a nursery that cannot fork")),
        }
    }

    /// Forks a worker, for a sample or for a file.
    ///
    /// # Errors
    ///
    /// When there are no pipes, or the nursery is gone.
    pub(super) fn fork(&mut self, file: Option<&File>) -> io::Result<Streams> {
        let ((output, stdout), (errors, stderr)) = (io::pipe()?, io::pipe()?);
        let (stdin, input) = match file {
            Some(file) => (file.as_fd().try_clone_to_owned()?, None),
            None => io::pipe().map(|(stdin, input)| (stdin.into(), Some(OwnedFd::from(input).into())))?,
        };
        let order = if file.is_some() { UNPACK } else { FORK };
        let fds = [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut attached = SendAncillaryBuffer::new(&mut space);
        if !attached.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(unsupported("no room for descriptors"));
        }
        sendmsg(&self.control, &[IoSlice::new(&[order])], &mut attached, SendFlags::NOSIGNAL)?;
        self.samples += 1;
        Ok((input, OwnedFd::from(output).into(), OwnedFd::from(errors).into()))
    }

    /// Has the worker killed; nothing happens if it has ended.
    pub(super) fn kill(&mut self) {
        let _ = sendmsg(
            &self.control,
            &[IoSlice::new(&[KILL])],
            &mut SendAncillaryBuffer::default(),
            SendFlags::NOSIGNAL,
        );
    }

    /// Waits for the end of the worker: once for each [`Self::fork`], since it is said once.
    ///
    /// # Errors
    ///
    /// When there was no worker, or the nursery is gone.
    pub(super) fn wait(&mut self) -> io::Result<ExitStatus> {
        match self.read()? {
            (ENDED, status) => Ok(ExitStatus::from_raw(status)),
            (_, error) => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Whether [`Self::wait`] comes back at once.
    ///
    /// # Errors
    ///
    /// When the socket cannot be asked.
    pub(super) fn has_answered(&self) -> io::Result<bool> {
        let mut control = [PollFd::new(&self.control, PollFlags::IN)];
        Ok(poll(&mut control, Some(&rustix::event::Timespec::default()))? != 0)
    }

    /// Whether another sample may have a worker of it.
    pub(super) fn is_fresh(&self) -> bool {
        self.samples < NURSERY_SAMPLES
    }

    fn read(&mut self) -> io::Result<(u8, i32)> {
        let mut bytes = [0; 5];
        self.control.read_exact(&mut bytes)?;
        Ok(parse(bytes))
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The nursery itself, on the socket that is standard input: `work` is done by each worker.
///
/// # Errors
///
/// When the socket fails; in a worker, those of `work`.
pub fn run(mut work: impl FnMut(Task) -> io::Result<()>) -> io::Result<()> {
    // The lacks of a kernel are found out before anything stands on it.
    let able = pidfd_open(getpid(), PidfdFlags::empty());
    let (kind, number) = able.map_or_else(|error| (FAILED, error.raw_os_error()), |_| (READY, 0));
    say(kind, number)?;
    while let Some((order, streams)) = order()? {
        if order == KILL {
            // It came too late.
            continue;
        }
        match fork() {
            Ok(Fork::Child) => {
                take(streams)?;
                return work(task(order)?);
            }
            Ok(Fork::Parent(worker)) => {
                drop(streams);
                if !attend(worker)? {
                    return Ok(());
                }
            }
            Err(error) => say(FAILED, error.raw_os_error().unwrap_or(0))?,
        }
    }
    Ok(())
}

/// Reads an order; `None` when the scan is gone.
fn order() -> io::Result<Option<(u8, Vec<OwnedFd>)>> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    let control = rustix::stdio::stdin();
    let got = loop {
        let mut parts = [IoSliceMut::new(&mut byte)];
        match recvmsg(control, &mut parts, &mut attached, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            got => break got?,
        }
    };
    let streams = attached.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(streams) => Some(streams),
        _ => None,
    });
    let streams = streams.flatten().collect();
    Ok((got.bytes != 0).then_some((byte[0], streams)))
}

/// What a worker has to do that has its streams.
fn task(order: u8) -> io::Result<Task> {
    if order != UNPACK {
        return Ok(Task::Analyse);
    }
    let size = rustix::fs::fstat(rustix::stdio::stdin())?.st_size;
    Ok(Task::Unpack(u64::try_from(size).unwrap_or(0)))
}

/// Makes the descriptors the three streams of this process, in place of the socket.
fn take(streams: Vec<OwnedFd>) -> io::Result<()> {
    let Ok([input, output, errors]) = <[OwnedFd; 3]>::try_from(streams) else {
        return Err(unsupported("a worker without streams"));
    };
    rustix::stdio::dup2_stdin(input)?;
    rustix::stdio::dup2_stdout(output)?;
    Ok(rustix::stdio::dup2_stderr(errors)?)
}

/// Waits for the end of a worker, and kills it when that is wanted. Returns whether the scan is there.
fn attend(worker: i32) -> io::Result<bool> {
    let worker = Pid::from_raw(worker).ok_or_else(|| unsupported("no process"))?;
    let handle = pidfd_open(worker, PidfdFlags::empty())?;
    let is_there = loop {
        if ended_or_asked(handle.as_fd())? {
            break true;
        }
        let is_there = matches!(order(), Ok(Some(_)));
        let _ = pidfd_send_signal(&handle, Signal::KILL);
        if !is_there {
            break false;
        }
    };
    let status = loop {
        match waitpid(Some(worker), WaitOptions::empty()) {
            Err(Errno::INTR) => {}
            status => break status?,
        }
    };
    if is_there {
        say(ENDED, status.map_or(0, |(_, status)| status.as_raw()))?;
    }
    Ok(is_there)
}

/// Waits until the worker has ended (`true`), or there is an order.
fn ended_or_asked(worker: BorrowedFd<'_>) -> io::Result<bool> {
    loop {
        let control = rustix::stdio::stdin();
        let mut both =
            [PollFd::from_borrowed_fd(worker, PollFlags::IN), PollFd::new(&control, PollFlags::IN)];
        match poll(&mut both, None) {
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(!both[0].revents().is_empty()),
        }
    }
}

fn say(kind: u8, number: i32) -> io::Result<()> {
    let control = rustix::stdio::stdin().try_clone_to_owned()?;
    UnixStream::from(control).write_all(&message(kind, number))
}

#[cfg(test)]
impl Nursery {
    /// One whose worker ended with this status, or could not be forked for this error; with its other end.
    pub(super) fn after(end: Result<i32, i32>) -> (Self, UnixStream) {
        let (control, mut other) = UnixStream::pair().unwrap();
        let said = end.map_or_else(|error| message(FAILED, error), |status| message(ENDED, status));
        other.write_all(&said).unwrap();
        let process = Command::new("true").spawn().unwrap();
        (Self { control, process, samples: 1 }, other)
    }
}
