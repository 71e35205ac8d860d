//! One streamed answer on its way: every byte is read and judged, lines are cut as bytes come.

use std::str::FromStr;

use memchr::memchr;
use serde::de::IgnoredAny;

use crate::frames::{self, Mark};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Chat,
    Messages,
}

impl FromStr for Dialect {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "chat" => Ok(Self::Chat),
            "messages" => Ok(Self::Messages),
            _ => Err("it is chat or messages"),
        }
    }
}

/// What a stream's content frames are told to.
pub(crate) trait Watch {
    fn frame(&mut self, mark: Mark);
}

impl<T: FnMut(Mark)> Watch for T {
    fn frame(&mut self, mark: Mark) {
        self(mark);
    }
}

pub(crate) struct Judge {
    dialect: Dialect,
    asker: u64,
    partial: Vec<u8>,
    /// What stood around the last content that was found good: the next frame with the same around it is as good.
    before: Vec<u8>,
    after: Vec<u8>,
    begun: bool,
    ended: bool,
    damage: Option<String>,
    total: Option<u64>,
    frames: u64,
    pub(crate) bytes: u64,
}

impl Judge {
    pub(crate) fn new(dialect: Dialect, asker: u64) -> Self {
        Self {
            dialect,
            asker,
            partial: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            begun: false,
            ended: false,
            damage: None,
            total: None,
            frames: 0,
            bytes: 0,
        }
    }

    pub(crate) fn feed(&mut self, mut piece: &[u8], watch: &mut impl Watch) {
        self.bytes += piece.len() as u64;
        while let Some(end) = memchr(b'\n', piece) {
            let (line, rest) = piece.split_at(end);
            piece = rest.get(1..).unwrap_or_default();
            let judged = if self.partial.is_empty() {
                self.line(line, watch)
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                let judged = self.line(&whole, watch);
                whole.clear();
                self.partial = whole;
                judged
            };
            if let Err(what) = judged {
                let line = String::from_utf8_lossy(line);
                self.damage
                    .get_or_insert_with(|| format!("{what}, after {} chunks: {line:.300}", self.frames));
            }
        }
        self.partial.extend_from_slice(piece);
    }

    fn line(&mut self, line: &[u8], watch: &mut impl Watch) -> Result<(), &'static str> {
        if line.is_empty() || line.starts_with(b":") {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix(b"event: ") {
            return self.event(name);
        }
        let data = line.strip_prefix(b"data: ").ok_or("a line that belongs to no stream")?;
        if self.dialect == Dialect::Chat {
            if self.ended {
                return Err("something after the end");
            }
            self.begun = true;
            if data == b"[DONE]" {
                self.ended = true;
                return Ok(());
            }
            if data.starts_with(b"{\"error\"") {
                return Err("an error frame");
            }
        }
        let Some(at) = memchr(b'~', data) else {
            return serde_json::from_slice::<IgnoredAny>(data).map(drop).map_err(|_| "data that is not JSON");
        };
        let (before, (mark, end)) = (data.get(..at).unwrap_or_default(), frames::one(data, at)?);
        let after = data.get(end..).unwrap_or_default();
        if before == self.before && after == self.after {
            return self.frame(mark, watch);
        }
        serde_json::from_slice::<IgnoredAny>(data).map_err(|_| "data that is not JSON")?;
        let mut wrong = Ok(());
        frames::read(data, |mark| wrong = wrong.and(self.frame(mark, watch)))?;
        if memchr(b'~', after).is_none() {
            self.before = before.to_vec();
            self.after = after.to_vec();
        }
        wrong
    }

    fn frame(&mut self, mark: Mark, watch: &mut impl Watch) -> Result<(), &'static str> {
        let turn = mark.sequence == self.frames && *self.total.get_or_insert(mark.total) == mark.total;
        self.frames += 1;
        watch.frame(mark);
        if mark.asker != self.asker {
            return Err("a chunk of another's answer");
        }
        if turn { Ok(()) } else { Err("a chunk out of turn") }
    }

    fn event(&mut self, name: &[u8]) -> Result<(), &'static str> {
        if self.dialect == Dialect::Chat {
            return Err("an event name in a chat stream");
        }
        match name {
            b"ping" if !self.ended => return Ok(()),
            b"error" => return Err("an error event"),
            _ if self.ended => return Err("something after the end"),
            b"message_start" if self.begun => return Err("a second start"),
            b"message_start" => self.begun = true,
            _ if !self.begun => return Err("something before the start"),
            b"message_stop" => self.ended = true,
            b"content_block_start" | b"content_block_delta" | b"content_block_stop" | b"message_delta" => {}
            _ => return Err("an unknown event"),
        }
        Ok(())
    }

    pub(crate) fn verdict(&self) -> Result<(), String> {
        if let Some(damage) = &self.damage {
            return Err(damage.clone());
        }
        let chunks = self.frames;
        match self.total {
            _ if !self.ended => Err(format!("no end mark, after {chunks} chunks")),
            _ if !self.partial.is_empty() => Err("half a line at the end".to_owned()),
            Some(total) if total != chunks => Err(format!("{chunks} of {total} chunks")),
            None => Err("no chunk at all".to_owned()),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Judge};
    use crate::frames::{self, Mark};

    const END: &str = "data: [DONE]\n\n";

    fn frame(sequence: u64, total: u64) -> String {
        let mut text = String::new();
        frames::write(&mut text, Mark { sequence, total, nanoseconds: 5, asker: 7 }, 60);
        format!("data: {{\"content\":\"{text}\"}}\n\n")
    }

    fn judge(dialect: Dialect, text: &str) -> Result<(), String> {
        let verdicts: Vec<_> = [1, 7, text.len().max(1)]
            .into_iter()
            .map(|size| {
                let mut judge = Judge::new(dialect, 7);
                let mut seen = 0;
                text.as_bytes().chunks(size).for_each(|piece| judge.feed(piece, &mut |_| seen += 1));
                assert_eq!(seen, judge.frames);
                judge.verdict()
            })
            .collect();
        assert!(verdicts.windows(2).all(|pair| pair[0].is_ok() == pair[1].is_ok()), "{verdicts:?}");
        verdicts.into_iter().next_back().unwrap_or(Ok(()))
    }

    #[test]
    fn a_whole_chat_stream_is_whole() {
        let text = format!(": hello\n\n{}{}{END}", frame(0, 2), frame(1, 2));
        assert_eq!(judge(Dialect::Chat, &text), Ok(()));
    }

    #[test]
    fn a_whole_messages_stream_is_whole() {
        let delta = |sequence| format!("event: content_block_delta\n{}", frame(sequence, 2));
        let stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let text = format!("event: message_start\ndata: {{}}\n\n{}{}{stop}", delta(0), delta(1));
        assert_eq!(judge(Dialect::Messages, &text), Ok(()));
        assert!(judge(Dialect::Messages, &text.replace("message_start", "ping")).is_err());
        assert!(judge(Dialect::Messages, &text.replace(stop, "")).is_err());
        assert!(judge(Dialect::Messages, &text.replace("content_block_delta", "error")).is_err());
        assert!(judge(Dialect::Messages, &(text + &delta(2))).is_err());
    }

    #[test]
    fn damage_is_seen() {
        let (first, second) = (frame(0, 2), frame(1, 2));
        for wrong in [
            String::new(),
            END.to_owned(),
            format!("{first}{second}"),
            format!("{first}{END}"),
            format!("{second}{first}{END}"),
            format!("{first}{first}{second}{END}"),
            format!("{first}{second}{END}{END}"),
            format!("{first}{second}{END}data"),
            format!("{first}data: {{\"error\":{{}}}}\n\n{second}{END}"),
            format!("{first}{}{END}", second.replace("\"}", "\"")),
            format!("{first}{}{END}", second.replace("content", "kontent ").replace(":\"~", "\"~")),
            format!("{first}{}{END}", second.replace(".7.", ".8.")),
        ] {
            assert!(judge(Dialect::Chat, &wrong).is_err(), "{wrong}");
        }
    }
}
