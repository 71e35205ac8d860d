//! Pictures and documents as Anthropic blocks (upstream.md 6.2).

use std::{borrow::Cow, ops::Range};

use super::decode_request::decode_base64;
use crate::{
    canonical::{File, Image},
    formats::chat::frames::plain,
    text::{Tree, escape},
    validation::InvalidRequest,
};

const SCHEME: &str = "data:";

/// A part of an inside, borrowed where that is: a picture is large.
fn part<'a>(whole: &Cow<'a, str>, place: Range<usize>) -> Tree<'a> {
    Tree::Text(match whole {
        Cow::Borrowed(whole) => Cow::Borrowed(whole.get(place).unwrap_or_default()),
        Cow::Owned(whole) => Cow::Owned(whole.get(place).unwrap_or_default().to_owned()),
    })
}

fn text<'a>(inside: &Cow<'a, str>) -> Tree<'a> {
    Tree::Text(inside.clone())
}

/// An image block; data URLs become base64 sources.
pub(crate) fn picture<'a>(image: &Image<'a>, path: &str) -> Result<Tree<'a>, InvalidRequest> {
    let source = match image.url.strip_prefix(SCHEME) {
        None => Tree::object([("type", Tree::word("url")), ("url", text(&image.url))]),
        Some(rest) => {
            let (head, data) = rest.split_once(',').unwrap_or((rest, ""));
            let mut parameters = head.split(';');
            let media_type = parameters.next().unwrap_or_default();
            if !rest.contains(',') || !parameters.any(|parameter| parameter == "base64") {
                return Err(InvalidRequest::new("a data URL of a picture must hold base64", path));
            }
            let (begin, end) = (SCHEME.len(), image.url.len());
            let media_type = match media_type {
                "image/jpg" => Tree::word("image/jpeg"),
                _ => part(&image.url, begin..begin + media_type.len()),
            };
            Tree::object([
                ("type", Tree::word("base64")),
                ("media_type", media_type),
                ("data", part(&image.url, end - data.len()..end)),
            ])
        }
    };
    Ok(Tree::object([("type", Tree::word("image")), ("source", source)]))
}

/// A document block: PDF as it is, text as text.
pub(crate) fn document<'a>(file: &File<'a>, path: &str) -> Result<Tree<'a>, InvalidRequest> {
    let source = if file.media_type == "application/pdf" {
        Tree::object([
            ("type", Tree::word("base64")),
            ("media_type", text(&file.media_type)),
            ("data", text(&file.data)),
        ])
    } else if file.media_type.starts_with("text/") {
        let decoded = decode_base64(&file.data).and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(decoded) = decoded else {
            return Err(InvalidRequest::new("is not base64 of UTF-8 text", path));
        };
        Tree::object([
            ("type", Tree::word("text")),
            ("media_type", Tree::word("text/plain")),
            ("data", Tree::Text(Cow::Owned(escape(&decoded).into_owned()))),
        ])
    } else {
        let message = format!("files of type {} cannot be sent to this model", plain(&file.media_type));
        return Err(InvalidRequest::new(message, path));
    };
    let mut block = Tree::object([("type", Tree::word("document")), ("source", source)]);
    if !file.name.is_empty() {
        block.set("title", text(&file.name));
    }
    Ok(block)
}
