//! A body that is looked at by several, and read once.

use std::{fmt, sync::OnceLock};

use super::document::{Document, Index, ReadError};

/// The bytes of a request, and the index over them once somebody asked for the document.
pub struct Body {
    content: Content,
    index: OnceLock<Result<Index, ReadError>>,
}

enum Content {
    Text(String),
    /// Not UTF-8 from this place on.
    Bytes(Vec<u8>, usize),
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

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.content {
            Content::Text(text) => text.as_bytes(),
            Content::Bytes(bytes, _) => bytes,
        }
    }

    /// The document, which the first call reads.
    ///
    /// # Errors
    ///
    /// [`ReadError`]
    pub fn document(&self) -> Result<Document<'_>, ReadError> {
        match &self.content {
            Content::Bytes(_, place) => Err(ReadError::NotUtf8(*place)),
            Content::Text(text) => {
                let index = self.index.get_or_init(|| Index::read(text));
                index.as_ref().map(|index| Document::indexed(text, index)).map_err(|error| *error)
            }
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
        write!(formatter, "Body({} bytes)", self.as_bytes().len())
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
        assert_eq!(format!("{:?}", Body::from("secret".to_owned())), "Body(6 bytes)");
    }
}
