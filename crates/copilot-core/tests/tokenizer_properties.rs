//! Nothing that a client sends makes the tokenizer panic, or take more than linear time.

use copilot_core::{
    json,
    tokenizer::{Encoding, count_chat},
};
use proptest::prelude::*;

const ENCODINGS: [Encoding; 4] =
    [Encoding::O200kBase, Encoding::Cl100kBase, Encoding::P50kBase, Encoding::R50kBase];

/// Characters that the patterns treat specially, besides arbitrary ones.
fn texts() -> impl Strategy<Value = String> {
    let special = prop::sample::select(
        "aAzZ'sStTreREllLL dDmM09 \t\r\n/.!-\u{301}\u{17f}\u{a0}\u{85}\u{3000}字ǅʰ½٣😀\u{200d}\u{1c}\u{feff}"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop::collection::vec(prop_oneof![4 => special, 1 => any::<char>()], 0..120)
        .prop_map(|characters| characters.into_iter().collect())
}

fn members() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "messages",
        "role",
        "content",
        "name",
        "tool_calls",
        "tools",
        "function",
        "parameters",
        "properties",
        "type",
        "enum",
        "description",
        "image_url",
        "url",
        "text",
        "7",
        "10",
    ])
    .prop_map(str::to_owned)
}

/// JSON that is likely to be taken for parts of a chat request.
fn documents() -> impl Strategy<Value = serde_json::Value> {
    let words = prop::sample::select(vec![
        "assistant",
        "image_url",
        "data:image/png;base64,iVBORw0KGgo",
        "data:;base64,/9j/",
        "data:,",
        "x.",
        "",
    ]);
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        words.prop_map(serde_json::Value::from),
        texts().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            prop::collection::vec((members(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_counted(text in texts()) {
        for encoding in ENCODINGS {
            let count = encoding.count(&text);
            prop_assert!(count <= text.len());
            prop_assert_eq!(count == 0, text.is_empty());
        }
    }

    #[test]
    fn any_bytes_are_counted_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = count_chat(&body, Encoding::O200kBase, "gpt-4");
    }

    #[test]
    fn any_messages_and_tools_are_counted(
        messages in prop::collection::vec(documents(), 0..4),
        tools in documents(),
        cut in 0_usize..400,
    ) {
        let objects = messages.iter().all(serde_json::Value::is_object);
        let body = serde_json::json!({"messages": messages, "tools": tools}).to_string();
        let counted = count_chat(body.as_bytes(), Encoding::Cl100kBase, "x");
        prop_assert_eq!(counted.is_ok(), objects, "{}", body);
        if let Some(head) = body.as_bytes().get(..cut.min(body.len() - 1)) {
            prop_assert!(count_chat(head, Encoding::Cl100kBase, "x").is_err());
        }
    }

    #[test]
    fn what_is_written_reads_as_the_same(document in documents()) {
        let text = document.to_string();
        let value = json::read(&text).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let written = json::compact(&value);
        prop_assert_eq!(json::compact(&json::read(&written).map_err(|_| TestCaseError::fail("unreadable"))?), written);
    }
}

/// A quadratic merge would need hours for these.
#[test]
fn a_megabyte_without_a_place_to_split_is_counted() {
    for unit in ["a", "A", "qzxj", "\u{301}", "-=", " ", "\n ", "'s", "字", "9", "a\u{301}B"] {
        let text = unit.repeat(1_000_000 / unit.len());
        for encoding in ENCODINGS {
            assert!(encoding.count(&text) > 0);
        }
    }
}

/// Comparing each name with each other would take minutes.
#[test]
fn an_object_of_many_members_is_read() {
    let members: Vec<_> = (0..200_000).map(|number| format!("\"k{}\":1", number % 150_000)).collect();
    let body = format!("{{\"messages\":[{{{}}}]}}", members.join(","));
    assert!(count_chat(body.as_bytes(), Encoding::O200kBase, "x").is_ok());
}
