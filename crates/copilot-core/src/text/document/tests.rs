use super::{Document, Kind, ReadError};

fn canonical(text: &str) -> String {
    Document::of_text(text).map(|document| document.root().canonical().into_owned()).unwrap_or_default()
}

#[test]
fn what_is_canonical_is_not_copied() {
    let text = r#"{"a":[1.0,-0,1E5,"\n\\\"é"],"b":{"c":null,"d":[true,false]},"":"\b"}"#;
    let document = Document::of_text(text).unwrap_or_else(|error| unreachable!("{error}"));
    assert!(matches!(document.root().canonical(), std::borrow::Cow::Borrowed(same) if same == text));
}

#[test]
fn loose_text_becomes_canonical() {
    assert_eq!(canonical(" { \"a\" : [ 1 , 2 ] } "), r#"{"a":[1,2]}"#);
    assert_eq!(canonical(r#"{"a":1,"b":2,"\u0061":3}"#), r#"{"a":3,"b":2}"#);
    assert_eq!(canonical(r#"{"a":"\u00e9\/"}"#), r#"{"a":"é/"}"#);
    let object = |numbers: std::ops::Range<u32>, plus| {
        let members: Vec<_> =
            numbers.map(|number| format!("\"{}\":{}", number % 20, number + plus)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(canonical(&object(0..40, 0)), object(0..20, 20));
}

#[test]
fn members_and_items_are_found() {
    let document = Document::read("\u{feff}{\"a\":{\"b\":[1,[2],\"x\"]},\"c\":true,\"a2\":7}".as_bytes());
    let document = document.unwrap_or_else(|error| unreachable!("{error}"));
    let list = document.root().get("a").and_then(|a| a.get("b"));
    let kinds: Vec<_> = list.map(|list| list.items().map(super::Node::kind).collect()).unwrap_or_default();
    assert_eq!(kinds, [Kind::Number, Kind::List, Kind::String]);
    assert!(document.root().get("c").is_some_and(super::Node::is_truthy));
    assert!(document.root().get("b").is_none());
}

#[test]
fn nothing_else_is_json() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "tru",
        "nul",
        "NaN",
        "Infinity",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\n\"",
        "1 2",
        "[1]]",
        "\0",
        "\"\\u+123\"",
    ] {
        assert!(matches!(Document::of_text(text), Err(ReadError::Syntax(_))), "{text:?}");
    }
    assert_eq!(Document::read(b"\"\xff\"").err(), Some(ReadError::NotUtf8(1)));
    assert!(Document::of_text(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_ok());
    assert_eq!(Document::of_text(&"[".repeat(100_000)).err(), Some(ReadError::TooDeep));
}
