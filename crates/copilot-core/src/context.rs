//! What the answer must know of its request, as bytes: they cross the border between the components.

use std::borrow::Cow;

use crate::{
    canonical::AnswerContext,
    text::{Document, Tree},
};

/// The context as canonical JSON; nothing when there is nothing to know.
#[must_use]
pub fn write(context: &AnswerContext) -> String {
    let mut members = Vec::new();
    if !context.names.is_empty() {
        members.push((Cow::Borrowed("names"), named(&context.names)));
    }
    if !context.custom.is_empty() {
        let custom = context.custom.iter().map(|name| Tree::Text(name.into())).collect();
        members.push((Cow::Borrowed("custom"), Tree::List(custom)));
    }
    if !context.namespaces.is_empty() {
        members.push((Cow::Borrowed("namespaces"), named(&context.namespaces)));
    }
    if !context.echo.is_empty() {
        let echo = context.echo.iter().map(|(name, value)| (name.into(), value.clone())).collect();
        members.push((Cow::Borrowed("echo"), Tree::Object(echo)));
    }
    if members.is_empty() { String::new() } else { Tree::Object(members).to_json() }
}

fn named(pairs: &[(String, String)]) -> Tree<'_> {
    Tree::Object(pairs.iter().map(|(name, text)| (name.into(), Tree::Text(text.into()))).collect())
}

/// What [`write`] wrote, of this implementation or its twin; nothing of anything else.
#[must_use]
pub fn read(data: &[u8]) -> AnswerContext {
    if data.is_empty() {
        return AnswerContext::default();
    }
    let Ok(document) = Document::read(data) else {
        return AnswerContext::default();
    };
    let value = Tree::from(document.root());
    let named = |name: &str| {
        let pairs = value.at(name).members().iter();
        pairs.map(|(name, text)| (name.to_string(), text.inside().to_owned())).collect()
    };
    let echo = value.at("echo").members().iter();
    AnswerContext {
        names: named("names"),
        custom: value.at("custom").items().iter().map(|name| name.inside().to_owned()).collect(),
        namespaces: named("namespaces"),
        echo: echo.map(|(name, value)| (name.to_string(), value.clone().into_owned())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::{canonical::AnswerContext, text::Tree};

    #[test]
    fn what_is_written_is_read() {
        let context = AnswerContext {
            names: vec![("a_1".to_owned(), "a\\n".to_owned())],
            custom: vec!["patch".to_owned()],
            namespaces: vec![("b".to_owned(), "mcp".to_owned())],
            echo: vec![("top_p".to_owned(), Tree::count(1))],
        };
        let text =
            r#"{"names":{"a_1":"a\n"},"custom":["patch"],"namespaces":{"b":"mcp"},"echo":{"top_p":1}}"#;
        assert_eq!(write(&context), text);
        assert_eq!(read(text.as_bytes()), context);
        assert_eq!(write(&AnswerContext::default()), "");
        assert_eq!(read(b""), AnswerContext::default());
        assert_eq!(read(b"x"), AnswerContext::default());
    }
}
