//! The golden vectors; pytest reads the same file.

use std::{error::Error, fs, path::Path};

use copilot_core::tokenizer::{Encoding, TokenCount, count_chat};
use serde_json::Value;

fn golden() -> Result<Value, Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/tokenizer.json");
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

fn list<'v>(of: &'v Value, name: &str) -> Result<&'v Vec<Value>, Box<dyn Error>> {
    of.get(name).and_then(Value::as_array).ok_or_else(|| format!("no list {name}").into())
}

fn text<'v>(of: &'v Value, name: &str) -> Result<&'v str, Box<dyn Error>> {
    of.get(name).and_then(Value::as_str).ok_or_else(|| format!("no text {name}").into())
}

/// A column of counts: its name, the encoding and the model.
type Column = (String, Encoding, String);

fn columns(golden: &Value) -> Result<Vec<Column>, Box<dyn Error>> {
    let columns = golden.get("columns").and_then(Value::as_object).ok_or("no columns")?;
    let column = |(name, value): (&String, &Value)| {
        let (encoding, model): (String, String) = serde_json::from_value(value.clone())?;
        Ok((name.clone(), Encoding::named(&encoding), model))
    };
    columns.iter().map(column).collect()
}

#[test]
fn chat_counts_are_those_of_the_original() -> Result<(), Box<dyn Error>> {
    let golden = golden()?;
    for case in list(&golden, "chats")? {
        for (column, encoding, model) in columns(&golden)? {
            let counts = case.get("counts").ok_or("no counts")?;
            let (input, output) = serde_json::from_value(counts.get(&column).ok_or("no count")?.clone())?;
            let counted = count_chat(text(case, "body")?.as_bytes(), encoding, &model)?;
            assert_eq!(counted, TokenCount { input, output }, "{}, column {column}", text(case, "name")?);
        }
    }
    Ok(())
}

#[test]
fn text_counts_are_those_of_tiktoken() -> Result<(), Box<dyn Error>> {
    let golden = golden()?;
    for case in list(&golden, "texts")? {
        for (column, encoding, _) in columns(&golden)?.into_iter().filter(|(name, ..)| name != "g") {
            let expected = case.get("counts").and_then(|counts| counts.get(&column)).and_then(Value::as_u64);
            let counted = encoding.count(text(case, "text")?) as u64;
            assert_eq!(Some(counted), expected, "{:?}, column {column}", text(case, "text")?);
        }
    }
    Ok(())
}

#[test]
fn what_is_no_chat_request_is_refused() -> Result<(), Box<dyn Error>> {
    for case in list(&golden()?, "errors")? {
        let body = text(case, "body")?;
        let Err(error) = count_chat(body.as_bytes(), Encoding::O200kBase, "gpt-4o") else {
            return Err(format!("accepted: {body}").into());
        };
        assert_eq!(error.path(), text(case, "path")?, "{body}: {error}");
    }
    Ok(())
}
