//! Events of a Responses stream, numbered and written (upstream.md 10.2).

use std::fmt::Write as _;

use super::answer::push;

/// Writes events; their numbers go up from 0 without gaps.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    next: u64,
}

/// Where in the answer an event belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) item_id: &'p str,
    pub(super) index: usize,
}

impl Numbered {
    /// Appends an event; `members` writes what stands between its type and its number.
    pub(super) fn write(&mut self, out: &mut String, name: &str, members: impl FnOnce(&mut String)) {
        push(out, &["event: response.", name, "\ndata: {\"type\":\"response.", name, "\""]);
        members(out);
        // Writing to a string cannot fail.
        let _ = write!(out, ",\"sequence_number\":{}}}\n\n", self.next);
        self.next += 1;
    }

    /// Appends an event that holds a whole item.
    pub(super) fn item(&mut self, out: &mut String, name: &str, index: usize, item: &str) {
        self.write(out, name, |out| {
            let _ = write!(out, ",\"output_index\":{index},\"item\":");
            out.push_str(item);
        });
    }

    /// Appends an event of a message's part, or of a part of a reasoning summary.
    pub(super) fn part(&mut self, out: &mut String, name: &str, at: Place<'_>, of: &str, members: &[&str]) {
        self.write(out, name, |out| {
            push(out, &[",\"item_id\":\"", at.item_id]);
            let _ = write!(out, "\",\"output_index\":{},\"{of}\":0", at.index);
            push(out, members);
        });
    }

    /// Appends an event of a call.
    pub(super) fn call(&mut self, out: &mut String, name: &str, at: Place<'_>, members: &[&str]) {
        self.write(out, name, |out| {
            push(out, &[",\"item_id\":\"", at.item_id]);
            let _ = write!(out, "\",\"output_index\":{}", at.index);
            push(out, members);
        });
    }
}
