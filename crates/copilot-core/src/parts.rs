//! What the modules of a format provide for streams; [`crate::formats`] says which format has what.

use crate::{
    canonical::{AnswerEvent, Finish, Usage},
    sse::Event,
    text::Node,
};

/// What a frame means for the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Upstream says that the answer failed: message and code as plain text, the code may be empty.
    Fault { message: String, code: String },
    /// This frame is the last.
    Over,
    /// The stream goes on.
    More,
}

/// What is known of the answer so far, as canonical insides.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) response_id: String,
    pub(crate) model: String,
    /// A chat `finish_reason`; empty until the model stopped.
    pub(crate) reason: String,
    pub(crate) usage: Option<Usage>,
}

/// Frames of a leg into events. Frames that are faults are not given to it.
pub(crate) trait StreamDecoder {
    fn heard(&self) -> &Heard;
    /// Why the model stopped; asked when the stream is complete.
    fn finish(&self) -> Finish<'_>;
    /// Passes on the events of one frame.
    fn frame(&mut self, frame: Node<'_, '_>, emit: &mut impl FnMut(AnswerEvent<'_>));
    /// Passes on what was held back; the stream is over, well or not.
    fn end(&mut self, emit: &mut impl FnMut(AnswerEvent<'_>));
}

/// Events into the stream of a dialect.
pub(crate) trait StreamEncoder {
    /// Something of the answer was written.
    fn started(&self) -> bool;
    /// Appends the stream text for one event.
    fn event(&mut self, out: &mut String, event: AnswerEvent<'_>);
    /// Appends what was kept to be put together: these were all events of a frame.
    fn end_of_frame(&mut self, _out: &mut String) {}
    /// Appends the end of a complete answer.
    fn finish(&mut self, out: &mut String, finish: &Finish<'_>, usage: Option<Usage>);
    /// Appends what ends a broken answer: all that was received, then one error, no end mark. Message
    /// and code are plain text, the code may be empty.
    fn fail(&mut self, out: &mut String, message: &str, code: &str);
    /// Appends a frame that clients of the dialect ignore, legal at this point.
    fn keep_alive(&mut self, out: &mut String);
}

/// Relays a stream within one format: bytes pass untouched, but for the quirks of upstream.md.
pub(crate) trait StreamRepairs {
    fn heard(&self) -> &Heard;
    /// Appends what one frame, which is no fault, gives.
    fn frame(&mut self, out: &mut Vec<u8>, event: &Event, frame: Node<'_, '_>);
    /// Appends what is still to be written of a complete stream, its end mark included.
    fn complete(&mut self, out: &mut Vec<u8>);
    /// Appends what ends a broken stream; see [`StreamEncoder::fail`].
    fn fail(&mut self, out: &mut Vec<u8>, message: &str, code: &str);
    /// Appends a frame that clients ignore.
    fn keep_alive(&mut self, out: &mut Vec<u8>);
}
