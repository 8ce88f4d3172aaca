//! The order of what a worker says.

use std::io;

use super::message::{Message, nonsense};

/// Which messages a worker may still send.
pub(super) struct Order {
    pub(super) is_ready: bool,
    pub(super) may_have_bytes: bool,
    pub(super) may_have_outcome: bool,
    pub(super) may_have_report: bool,
    pub(super) may_have_page: bool,
    pub(super) may_have_leftovers: bool,
}

impl Order {
    pub(super) fn check(&mut self, message: Message) -> io::Result<Message> {
        let is_first = matches!(message, Message::Ready(_));
        if is_first == self.is_ready {
            return Err(nonsense("a message out of turn"));
        }
        self.is_ready = true;
        let may = match message {
            Message::Bytes(_) => std::mem::take(&mut self.may_have_bytes),
            Message::Outcome(_) => {
                self.may_have_bytes = false;
                std::mem::take(&mut self.may_have_outcome)
            }
            Message::Report(_) => std::mem::take(&mut self.may_have_report),
            Message::Page(_) => std::mem::take(&mut self.may_have_page),
            Message::Leftover(..) => self.may_have_leftovers,
            _ => true,
        };
        if !may {
            return Err(nonsense("what nobody asked for, or asked for once"));
        }
        Ok(message)
    }
}
