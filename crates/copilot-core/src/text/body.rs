//! A body that is looked at by several, and read once.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, OnceLock},
};

use super::{
    Piece, Written,
    document::{Document, Index, ReadError, unmarked},
    edit::join,
};

/// The bytes of a request, and the index over them once somebody asked for the document.
pub struct Body {
    content: Content,
    /// None when it would take too much memory for as long as the request lives.
    index: OnceLock<Result<Option<Index>, ReadError>>,
}

/// Bytes of an index that are kept in any case, and for each byte of text.
const INDEX: (usize, usize) = (1024 * 1024, 4);

enum Content {
    Text(String),
    /// Not UTF-8 from this place on.
    Bytes(Vec<u8>, usize),
    /// Another body with changes, put together when somebody wants to see it.
    Changed {
        base: Arc<Body>,
        pieces: Vec<Piece>,
        size: usize,
        whole: OnceLock<String>,
    },
}

/// A part of a body.
pub enum Part<'b> {
    /// These bytes of another body
    Of(&'b Arc<Body>, Range<usize>),
    /// A text
    Text(&'b str),
}

impl Body {
    /// Takes bytes, without a copy.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let content = String::from_utf8(bytes).map_or_else(
            |error| {
                let place = error.utf8_error().valid_up_to();
                Content::Bytes(error.into_bytes(), place)
            },
            Content::Text,
        );
        Self { content, index: OnceLock::new() }
    }

    /// What was written of the document of `base`.
    #[must_use]
    pub fn written(base: &Arc<Self>, written: Written) -> Self {
        let pieces = match written {
            Written::Text(text) => return text.into(),
            Written::Pieces(pieces) => pieces,
        };
        let size = pieces.iter().map(|piece| match piece {
            Piece::Kept(range) => range.len(),
            Piece::New(text) => text.len(),
        });
        let (size, whole, base) = (size.sum(), OnceLock::new(), Arc::clone(base));
        Self { content: Content::Changed { base, pieces, size, whole }, index: OnceLock::new() }
    }

    /// The number of bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.content {
            Content::Changed { size, .. } => *size,
            _ => self.as_bytes().len(),
        }
    }

    /// The parts that it is made of, where it need not be put together to be sent.
    #[must_use]
    pub fn parts(&self) -> Option<Vec<Part<'_>>> {
        let Content::Changed { base, pieces, .. } = &self.content else { return None };
        // Pieces are of the text, which is the base without its byte order mark.
        let mark = base.size() - base.text().map_or(0, |text| unmarked(text).len());
        let part = |piece| match piece {
            &Piece::Kept(Range { start, end }) => Part::Of(base, start + mark..end + mark),
            Piece::New(text) => Part::Text(text),
        };
        Some(pieces.iter().map(part).collect())
    }

    fn text(&self) -> Result<&str, ReadError> {
        match &self.content {
            Content::Text(text) => Ok(text),
            Content::Bytes(_, place) => Err(ReadError::NotUtf8(*place)),
            Content::Changed { base, pieces, whole, .. } => {
                Ok(whole.get_or_init(|| join(pieces, unmarked(base.text().unwrap_or_default()))))
            }
        }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(bytes, _) => bytes,
            _ => self.text().unwrap_or_default().as_bytes(),
        }
    }

    /// The document, which the first call reads.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn document(&self) -> Result<Document<'_>, ReadError> {
        let text = self.text()?;
        let is_kept = |index: &Index| index.size() <= INDEX.0.max(INDEX.1.saturating_mul(text.len()));
        let index = self.index.get_or_init(|| Index::read(text).map(|index| Some(index).filter(is_kept)));
        match index {
            Ok(Some(index)) => Ok(Document::indexed(text, index)),
            Ok(None) => Document::read(text.as_bytes()),
            Err(error) => Err(*error),
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self { content: Content::Text(text), index: OnceLock::new() }
    }
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may hold a prompt.
        write!(formatter, "Body({} bytes)", self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_reads_as_its_bytes_do() {
        let texts: [&[u8]; 6] =
            [b"{\"a\":[1,{\"b\":\"\\n\"}]}", "\u{feff} {} ".as_bytes(), b"", b"[", b"\"\xff\"", b"{}\xc3"];
        for text in texts {
            let body = Body::new(text.to_vec());
            assert_eq!(body.as_bytes(), text);
            for _ in 0..2 {
                match (body.document(), Document::read(text)) {
                    (Ok(found), Ok(expected)) => {
                        assert_eq!(found.text(), expected.text());
                        assert_eq!(found.root().canonical(), expected.root().canonical());
                    }
                    (found, expected) => assert_eq!(found.err(), expected.err()),
                }
            }
        }
    }

    #[test]
    fn a_changed_body_has_the_parts_of_its_base() {
        let text = "\u{feff}{\"model\":\"x\"}";
        let base = Arc::new(Body::new(text.into()));
        let pieces = vec![Piece::Kept(0..9), Piece::New("\"é\"".to_owned()), Piece::Kept(12..13)];
        let body = Body::written(&base, Written::Pieces(pieces));
        let expected = "{\"model\":\"é\"}";
        let bytes = |part: &Part<'_>| match part {
            Part::Of(base, range) => base.as_bytes().get(range.clone()).unwrap_or_default().to_vec(),
            Part::Text(text) => text.as_bytes().to_vec(),
        };
        let parts: Vec<_> = body.parts().iter().flatten().flat_map(bytes).collect();
        assert_eq!(parts, expected.as_bytes());
        assert_eq!(body.size(), expected.len());
        assert_eq!(body.as_bytes(), expected.as_bytes());
        let name =
            body.document().ok().and_then(|found| Some(found.root().get("model")?.text()?.into_owned()));
        assert_eq!(name.as_deref(), Some("é"));
        assert!(base.parts().is_none());
        let text = Body::written(&base, "{}".to_owned().into());
        assert!(text.parts().is_none());
        assert_eq!(text.as_bytes(), b"{}");
    }

    #[test]
    fn an_index_much_larger_than_its_text_is_not_kept() {
        let body = Body::new(format!("[{}0]", "1,".repeat(100_000)).into());
        assert_eq!(body.document().map(|found| found.root().items().count()), Ok(100_001));
        assert!(matches!(body.index.get(), Some(Ok(None))));
        assert_eq!(body.document().map(|found| found.root().items().count()), Ok(100_001));
    }

    #[test]
    fn a_prompt_is_not_shown() {
        assert_eq!(format!("{:?}", Body::from("secret".to_owned())), "Body(6 bytes)");
    }
}
