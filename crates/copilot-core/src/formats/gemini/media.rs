//! Inline data and files: pictures, documents, text.

use std::borrow::Cow;

use super::{
    members::{Result, object_at},
    signatures::{decode, standard},
};
use crate::{
    canonical::{Block, File, Image},
    text::{Node, escape},
    validation::{InvalidRequest, Path},
};

/// What `inlineData` holds.
pub(super) fn inline<'a>(
    value: Node<'_, 'a>,
    path: Path<'_>,
    rewrites: &mut Vec<String>,
) -> Result<Block<'a>> {
    let members = object_at(Some(value), path)?;
    let kind = members.text("mimeType", path)?;
    let data = members.text("data", path)?;
    let wrong = |message: &str, name: &str| InvalidRequest::new(message, format!("{}.{name}", path()));
    if kind.is_empty() {
        return Err(wrong("must name a MIME type", "mimeType"));
    }
    let plain = standard(&data).ok_or_else(|| wrong("is not base64", "data"))?;
    if plain != data {
        rewrites.push("sent inline data in the standard base64 alphabet".to_owned());
    }
    if kind.starts_with("image/") {
        let url = Cow::Owned(["data:", &kind, ";base64,", &plain].concat());
        return Ok(Block::Image(Image { url, ..Image::default() }));
    }
    if kind.starts_with("text/") {
        rewrites.push("inline text sent as text".to_owned());
        let text = String::from_utf8(decode(&plain));
        let text = text.map_err(|_| wrong("is not base64 of UTF-8 text", "data"))?;
        return Ok(Block::Text(Cow::Owned(escape(&text).into_owned())));
    }
    let name = members.text("displayName", path)?;
    let data = match plain {
        Cow::Borrowed(_) => data,
        Cow::Owned(plain) => Cow::Owned(plain),
    };
    Ok(Block::File(File { data, media_type: kind, name }))
}

/// A picture by its URL; files that Google keeps are not reached.
pub(super) fn file<'a>(value: Node<'_, 'a>, path: Path<'_>) -> Result<Block<'a>> {
    let members = object_at(Some(value), path)?;
    let kind = members.text("mimeType", path)?;
    let url = members.text("fileUri", path)?;
    let wrong = |message: &str, name: &str| InvalidRequest::new(message, format!("{}.{name}", path()));
    let is_web = ["https://", "http://", "data:"].iter().any(|start| url.starts_with(start));
    if !is_web || url.contains("generativelanguage.googleapis.com/") {
        return Err(wrong("must be a web address: Google's file storage is not reached", "fileUri"));
    }
    if !kind.starts_with("image/") {
        return Err(wrong("only pictures can be sent by their address", "mimeType"));
    }
    Ok(Block::Image(Image { url, ..Image::default() }))
}
