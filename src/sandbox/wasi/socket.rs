//! Sockets as a persona has them: what the other end sends is given, what the sample sends is kept.
//!
//! Nobody else ever sends anything: where a real program would wait for ever, the answer is `again`.

use super::limits::{ACCEPTED, OPENED};
use super::{
    Errno,
    descriptor::{Descriptor, Target, right},
};
use crate::sandbox::{
    persona::{Peer, Socket, SocketKind},
    state::Output,
    types::Connection,
};

/// All sockets of a run.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Sockets {
    listeners: Vec<Listener>,
    connections: Vec<Stream>,
    /// The persona has no socket: one that listens is there for who accepts on it.
    can_inherit: bool,
}

/// The words of the client of such a socket: those for a shell, or for a protocol of letters.
const CALLER: &[&[u8]] = &[b"help\n", b"ls /\n", b"l .", b"get /etc/hostname\n", b"id\n", b"quit\n"];

/// A socket that listens.
#[derive(Debug)]
struct Listener {
    name: String,
    peers: std::vec::IntoIter<Peer>,
    accepted: u32,
}

/// A connection.
#[derive(Debug)]
struct Stream {
    name: String,
    peer: Peer,
    /// The message that is received next, and the bytes of it that were.
    message: usize,
    offset: usize,
    sent: Output,
    received: u64,
    /// Bits: 1 receiving, 2 sending.
    shut_down: u8,
    was_connected: bool,
}

/// What a poll finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// That many bytes can be had, and whether the other end is gone.
    Now(u64, bool),
    /// Not as long as the run lasts.
    Never,
}

impl Stream {
    fn new(name: String, peer: Peer, was_connected: bool) -> Self {
        Self {
            name,
            peer,
            message: 0,
            offset: 0,
            sent: Output::default(),
            received: 0,
            shut_down: 0,
            was_connected,
        }
    }

    /// What is left of all messages: the first piece, and whether there are more.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let offsets = std::iter::once(self.offset).chain(std::iter::repeat(0));
        let messages = self.peer.messages.get(self.message..).unwrap_or_default();
        messages
            .iter()
            .zip(offsets)
            .map(|(message, offset)| message.get(offset..).unwrap_or_default())
            .filter(|piece| !piece.is_empty())
    }

    fn skip(&mut self, mut len: usize) {
        self.received += len as u64;
        while let Some(message) = self.peer.messages.get(self.message) {
            let rest = message.len() - self.offset.min(message.len());
            if len < rest {
                self.offset += len;
                return;
            }
            len -= rest;
            (self.message, self.offset) = (self.message + 1, 0);
        }
    }
}

impl Sockets {
    /// The sockets, and a descriptor for each.
    pub(super) fn new(sockets: &[Socket]) -> (Self, Vec<Descriptor>) {
        let mut all = Self { can_inherit: sockets.is_empty(), ..Self::default() };
        let mut open = Vec::new();
        for Socket { name, kind } in sockets {
            open.push(match kind {
                SocketKind::Stream(peer) => {
                    all.connections.push(Stream::new(name.clone(), peer.clone(), false));
                    Descriptor::new(Target::Connection(all.connections.len() - 1), right::CONNECTION, 0, 0)
                }
                SocketKind::Listener(peers) => {
                    let peers = peers.clone().into_iter();
                    all.listeners.push(Listener { name: name.clone(), peers, accepted: 0 });
                    let target = Target::Listener(all.listeners.len() - 1);
                    Descriptor::new(target, right::LISTENER, right::CONNECTION, 0)
                }
            });
        }
        (all, open)
    }

    /// A socket that listens, with one client, as a host hands it on to a program that serves. It comes once,
    /// where the persona has none.
    pub(super) fn inherit(&mut self) -> Option<Descriptor> {
        if !std::mem::take(&mut self.can_inherit) {
            return None;
        }
        let messages = CALLER.iter().map(|message| message.to_vec()).collect();
        let peers = vec![Peer { messages, stays: false }].into_iter();
        self.listeners.push(Listener { name: "inherited".into(), peers, accepted: 0 });
        let target = Target::Listener(self.listeners.len() - 1);
        Some(Descriptor::new(target, right::LISTENER, right::CONNECTION, 0))
    }

    pub(super) fn listener_name(&self, position: usize) -> &str {
        self.listeners.get(position).map_or("", |listener| &listener.name)
    }

    pub(super) fn name(&self, position: usize) -> &str {
        self.connections.get(position).map_or("", |connection| &connection.name)
    }

    /// Bytes received so far.
    pub(super) fn received(&self, position: usize) -> u64 {
        self.connections.get(position).map_or(0, |stream| stream.received)
    }

    /// The next connection of a socket that listens.
    pub(super) fn accept(&mut self, position: usize) -> Result<usize, Errno> {
        let accepted: u32 = self.listeners.iter().map(|listener| listener.accepted).sum();
        let listener = self.listeners.get_mut(position).ok_or(Errno::BADF)?;
        if accepted as usize >= ACCEPTED {
            return Err(Errno::NFILE);
        }
        let peer = listener.peers.next().ok_or(Errno::AGAIN)?;
        listener.accepted += 1;
        self.connections.push(Stream::new(format!("{}#{}", listener.name, listener.accepted), peer, true));
        Ok(self.connections.len() - 1)
    }

    /// A socket that is not connected yet. Nobody is at its other end.
    pub(super) fn open(&mut self) -> Result<usize, Errno> {
        if self.connections.len() >= OPENED {
            return Err(Errno::NFILE);
        }
        let nobody = Peer { messages: Vec::new(), stays: false };
        self.connections.push(Stream::new("unconnected".into(), nobody, false));
        Ok(self.connections.len() - 1)
    }

    /// Connects a socket to an address, which becomes its name.
    pub(super) fn connect(&mut self, position: usize, to: String) {
        if let Some(stream) = self.connections.get_mut(position) {
            (stream.name, stream.was_connected) = (to, true);
        }
    }

    /// Makes a socket one that listens; nobody ever connects to it.
    pub(super) fn listen(&mut self, position: usize) -> Result<usize, Errno> {
        let name = self.connections.get(position).ok_or(Errno::BADF)?.name.clone();
        if self.listeners.len() >= OPENED {
            return Err(Errno::NFILE);
        }
        self.listeners.push(Listener { name, peers: Vec::new().into_iter(), accepted: 0 });
        Ok(self.listeners.len() - 1)
    }

    /// Receives at most `room` bytes: of one message, or of several if `waits_for_all`. None at the end of
    /// the connection.
    pub(super) fn receive(
        &mut self,
        position: usize,
        room: u64,
        peeks: bool,
        waits_for_all: bool,
    ) -> Result<Vec<u8>, Errno> {
        let stream = self.connections.get_mut(position).ok_or(Errno::BADF)?;
        if stream.shut_down & 1 != 0 || room == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        for piece in stream.pieces().take(if waits_for_all { usize::MAX } else { 1 }) {
            let rest = usize::try_from(room).unwrap_or(usize::MAX) - bytes.len();
            bytes.extend_from_slice(&piece[..piece.len().min(rest)]);
        }
        if bytes.is_empty() && stream.peer.stays {
            return Err(Errno::AGAIN);
        }
        if !peeks {
            stream.skip(bytes.len());
        }
        Ok(bytes)
    }

    pub(super) fn send(&mut self, position: usize, bytes: &[u8]) -> Result<(), Errno> {
        let stream = self.connections.get_mut(position).ok_or(Errno::BADF)?;
        if stream.shut_down & 2 != 0 {
            return Err(Errno::PIPE);
        }
        stream.sent.write(bytes);
        Ok(())
    }

    pub(super) fn shut_down(&mut self, position: usize, how: u8) -> Result<(), Errno> {
        self.connections.get_mut(position).ok_or(Errno::BADF)?.shut_down |= how;
        Ok(())
    }

    pub(super) fn can_accept(&self, position: usize) -> Readiness {
        let left = self.listeners.get(position).map_or(0, |listener| listener.peers.len());
        if left > 0 { Readiness::Now(left as u64, false) } else { Readiness::Never }
    }

    pub(super) fn can_receive(&self, position: usize) -> Readiness {
        let Some(stream) = self.connections.get(position) else { return Readiness::Never };
        let left: usize = if stream.shut_down & 1 != 0 { 0 } else { stream.pieces().map(<[u8]>::len).sum() };
        match (left, stream.peer.stays && stream.shut_down & 1 == 0) {
            (0, true) => Readiness::Never,
            (left, _) => Readiness::Now(left as u64, left == 0),
        }
    }

    /// The connections that were used.
    pub(in crate::sandbox) fn into_used(self) -> Vec<Connection> {
        let used = |stream: &Stream| {
            stream.was_connected || stream.received > 0 || stream.shut_down > 0 || !stream.sent.is_empty()
        };
        let connections = self.connections.into_iter().filter(used).map(|stream| {
            let (sent, sent_cut) = stream.sent.into_parts();
            Connection {
                name: stream.name,
                sent,
                sent_cut,
                received: stream.received,
                shut_down: stream.shut_down,
            }
        });
        connections.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(messages: &[&[u8]], stays: bool) -> Peer {
        Peer { messages: messages.iter().map(|bytes| bytes.to_vec()).collect(), stays }
    }

    fn stream(messages: &[&[u8]], stays: bool) -> Sockets {
        Sockets::new(&[Socket { name: "s".into(), kind: SocketKind::Stream(peer(messages, stays)) }]).0
    }

    #[test]
    fn messages_are_received_one_by_one() {
        let mut sockets = stream(&[b"hello", b"", b"you"], false);
        assert_eq!(sockets.can_receive(0), Readiness::Now(8, false));
        let mut receive = |room, peeks, all| sockets.receive(0, room, peeks, all).unwrap();
        assert_eq!(receive(3, true, false), b"hel");
        assert_eq!(receive(3, false, false), b"hel");
        assert_eq!(receive(9, true, true), b"loyou");
        assert_eq!(receive(9, false, false), b"lo");
        assert_eq!(receive(0, false, false), b"");
        assert_eq!(receive(9, false, true), b"you");
        assert_eq!(receive(9, false, false), b"", "the end");
        assert_eq!(sockets.can_receive(0), Readiness::Now(0, true));
        assert_eq!(
            sockets.into_used(),
            [Connection { name: "s".into(), received: 8, ..Connection::default() }]
        );
    }

    #[test]
    fn a_silent_peer_and_directions_that_are_shut_down() {
        let mut sockets = stream(&[b"x"], true);
        assert_eq!(sockets.receive(0, 9, false, true), Ok(b"x".to_vec()));
        assert_eq!(
            (sockets.receive(0, 9, false, false), sockets.can_receive(0)),
            (Err(Errno::AGAIN), Readiness::Never)
        );
        sockets.send(0, b"out").unwrap();
        sockets.shut_down(0, 1).unwrap();
        assert_eq!(
            (sockets.receive(0, 9, false, false), sockets.can_receive(0)),
            (Ok(vec![]), Readiness::Now(0, true))
        );
        sockets.shut_down(0, 2).unwrap();
        assert_eq!(sockets.send(0, b"more"), Err(Errno::PIPE));
        let used = sockets.into_used();
        assert_eq!((used[0].sent.as_slice(), used[0].shut_down), (&b"out"[..], 3));
    }

    #[test]
    fn a_persona_without_sockets_hands_one_on_once() {
        let (mut sockets, open) = Sockets::new(&[]);
        assert!(open.is_empty());
        assert_eq!(sockets.inherit().map(|descriptor| descriptor.target), Some(Target::Listener(0)));
        assert_eq!((sockets.accept(0), sockets.accept(0)), (Ok(0), Err(Errno::AGAIN)));
        assert_eq!(sockets.receive(0, 99, false, false), Ok(b"help\n".to_vec()));
        assert!(sockets.inherit().is_none() && stream(&[], true).inherit().is_none());
    }

    #[test]
    fn connections_are_accepted_in_their_order() {
        let kind = SocketKind::Listener(vec![peer(&[b"a"], false), peer(&[b"b"], false)]);
        let (mut sockets, open) = Sockets::new(&[Socket { name: "l".into(), kind }]);
        assert_eq!(open[0].target, Target::Listener(0));
        assert_eq!(sockets.can_accept(0), Readiness::Now(2, false));
        assert_eq!(
            (sockets.accept(0), sockets.accept(0), sockets.accept(0)),
            (Ok(0), Ok(1), Err(Errno::AGAIN))
        );
        assert_eq!((sockets.can_accept(0), sockets.accept(7)), (Readiness::Never, Err(Errno::BADF)));
        assert_eq!(sockets.receive(1, 9, false, false), Ok(b"b".to_vec()));
        let names: Vec<_> = sockets.into_used().into_iter().map(|used| used.name).collect();
        assert_eq!(names, ["l#1", "l#2"]);
    }
}
