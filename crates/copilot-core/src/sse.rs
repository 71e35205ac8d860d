//! Server-sent events, read and written: the WHATWG grammar over bytes, each byte scanned once (R-22 to R-24).

use std::mem;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event is over the frame limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frame is too large")]
pub struct FrameTooLarge;

/// One event; a field that did not come is `None`. Lines of `data` are joined with LF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The data
    pub data: Option<Vec<u8>>,
    /// The event's name
    pub event: Option<Vec<u8>>,
    /// The event's id
    pub id: Option<Vec<u8>>,
    /// The time to reconnect
    pub retry: Option<Vec<u8>>,
}

/// Takes bytes in any pieces, gives events. Line ends are LF, CRLF and CR, nothing else.
#[derive(Debug)]
pub struct Parser {
    limit: usize,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Bytes of the event so far.
    size: usize,
    after_carriage_return: bool,
    at_start: bool,
    event: Event,
}

impl Parser {
    /// Makes a parser; `limit` is in bytes of one event.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            size: 0,
            after_carriage_return: false,
            at_start: true,
            event: Event::default(),
        }
    }

    /// Passes the events that these bytes complete to `take`, until it says stop by `false`.
    ///
    /// # Errors
    ///
    /// [`FrameTooLarge`]: events that came before it in the same bytes were not passed on for nothing, but
    /// the stream is over.
    pub fn feed(&mut self, data: &[u8], mut take: impl FnMut(Event) -> bool) -> Result<(), FrameTooLarge> {
        let mut rest = data;
        if self.after_carriage_return && !rest.is_empty() {
            self.after_carriage_return = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|&byte| matches!(byte, b'\n' | b'\r')) {
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            rest = if let Some(after) = after.strip_prefix(b"\r") {
                self.after_carriage_return = after.is_empty();
                after.strip_prefix(b"\n").unwrap_or(after)
            } else {
                after.get(1..).unwrap_or_default()
            };
            let event = if self.line.is_empty() {
                self.take_line(line)?
            } else {
                let mut whole = mem::take(&mut self.line);
                whole.extend_from_slice(line);
                let event = self.take_line(&whole)?;
                whole.clear();
                self.line = whole;
                event
            };
            if event.is_some_and(|event| !take(event)) {
                return Ok(());
            }
        }
        if !rest.is_empty() {
            self.line.extend_from_slice(rest);
            self.size += rest.len();
        }
        if self.size > self.limit { Err(FrameTooLarge) } else { Ok(()) }
    }

    /// Passes on the last event, if it came without its empty line (D-H11).
    ///
    /// # Errors
    ///
    /// [`FrameTooLarge`]
    pub fn finish(&mut self, mut take: impl FnMut(Event) -> bool) -> Result<(), FrameTooLarge> {
        let line = mem::take(&mut self.line);
        if !line.is_empty()
            && let Some(event) = self.take_line(&line)?
            && !take(event)
        {
            return Ok(());
        }
        if let Some(event) = self.dispatch() {
            take(event);
        }
        Ok(())
    }

    fn take_line(&mut self, mut line: &[u8]) -> Result<Option<Event>, FrameTooLarge> {
        if mem::take(&mut self.at_start) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        self.size += line.len();
        if self.size > 2 * self.limit {
            return Err(FrameTooLarge);
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            return Ok(None);
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
        let value = value.get(1..).unwrap_or_default();
        let spaces = value.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
        let value = value.get(spaces..).unwrap_or_default();
        match name {
            b"data" => match &mut self.event.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                none => *none = Some(value.to_vec()),
            },
            b"event" => self.event.event = Some(value.to_vec()),
            b"id" => self.event.id = Some(value.to_vec()),
            b"retry" => self.event.retry = Some(value.to_vec()),
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        self.size = 0;
        let event = mem::take(&mut self.event);
        (event != Event::default()).then_some(event)
    }
}

/// Appends one event in the form of compat.md 3.4: event, data, id, retry, each only if not empty.
pub fn write(out: &mut Vec<u8>, data: &[u8], event: &[u8], id: &[u8], retry: &[u8]) {
    let mut field = |name: &[u8], value: &[u8]| {
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.push(b'\n');
    };
    if !event.is_empty() {
        field(b"event", event);
    }
    for line in data.split(|&byte| byte == b'\n') {
        field(b"data", line);
    }
    if !id.is_empty() {
        field(b"id", id);
    }
    if !retry.is_empty() {
        field(b"retry", retry);
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::{Event, FrameTooLarge, Parser};

    fn parse(pieces: &[&[u8]]) -> Vec<Event> {
        let mut parser = Parser::new(1 << 20);
        let mut events = Vec::new();
        for piece in pieces {
            assert!(
                parser
                    .feed(piece, |event| {
                        events.push(event);
                        true
                    })
                    .is_ok()
            );
        }
        assert!(
            parser
                .finish(|event| {
                    events.push(event);
                    true
                })
                .is_ok()
        );
        events
    }

    #[test]
    fn any_split_gives_the_same_events() {
        let stream = b"\xef\xbb\xbf: hi\r\ndata: a\rdata:b\r\n\r\nevent: x\ndata\ndata: {\n\nid: 7\nretry:  1\n\n\n\ndata:last";
        let whole = parse(&[stream]);
        assert_eq!(whole.len(), 4);
        assert_eq!(whole.first().and_then(|event| event.data.as_deref()), Some(b"a\nb".as_slice()));
        for at in 0..stream.len() {
            let (before, after) = stream.split_at(at);
            assert_eq!(parse(&[before, after]), whole, "split at {at}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(parse(&bytes), whole);
    }

    #[test]
    fn a_frame_has_a_limit() {
        let mut parser = Parser::new(10);
        assert_eq!(parser.feed(b"data: 1234567", |_| true), Err(FrameTooLarge));
    }
}
