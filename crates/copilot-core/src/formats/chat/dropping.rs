//! Members that a model is known to refuse, taken out of a request by their names.

use crate::text::{Document, Edits, Tree};

/// The keys of a dotted name; `tools[0].strict` or `tools.0.strict` is that of all entries.
fn path_of(name: &str) -> Vec<String> {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('[') {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        plain.push_str(before);
        let digits = after.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        let behind = after.get(digits + 1..).and_then(|after| after.strip_prefix(']'));
        rest = behind.unwrap_or_else(|| {
            plain.push('[');
            after.get(1..).unwrap_or_default()
        });
    }
    plain.push_str(rest);
    let is_place = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let mut keys = plain.split('.').map(str::to_owned);
    let first = keys.next().unwrap_or_default();
    std::iter::once(first).chain(keys.filter(|key| !is_place(key))).collect()
}

fn dropped(name: &str) -> String {
    format!("dropped {name}: the model refuses it")
}

/// Takes members out of the text of a request, and says so.
pub(crate) fn drop(text: &mut String, names: &[String], rewrites: &mut Vec<String>) {
    for name in names {
        if let Some(changed) = without(text, name) {
            *text = changed;
            rewrites.push(dropped(name));
        }
    }
}

/// The text without a member; `None` when it was not there. All that is not in the outermost member of its
/// path stays as it was spelled.
fn without(text: &str, name: &str) -> Option<String> {
    let path = path_of(name);
    let (first, rest) = path.split_first()?;
    let document = Document::of_text(text).ok()?;
    let mut edits = Edits::of(&document);
    edits.members().iter().find(|member| member.name == *first)?;
    if rest.is_empty() {
        edits.remove(first);
    } else {
        let members = document.root().written_members();
        let found = members.filter(|(key, _)| key.is(first)).last();
        let mut value = Tree::from(found?.1);
        if !removed(&mut value, rest) {
            return None;
        }
        edits.replace_value(first, &value.to_json());
    }
    edits.finish().map(|written| written.into_text(text))
}

/// Takes a member out of a JSON value, within lists out of each entry; tells whether it was there.
fn removed(value: &mut Tree<'_>, path: &[String]) -> bool {
    if let Tree::List(items) = value {
        return items.iter_mut().fold(false, |any, item| removed(item, path) | any);
    }
    match path {
        [] => false,
        [last] => value.take(last).is_some(),
        [first, rest @ ..] => value.get_mut(first).is_some_and(|inner| removed(inner, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn places_are_no_part_of_a_path() {
        for (name, path) in [
            ("a", vec!["a"]),
            ("tools[0].strict", vec!["tools", "strict"]),
            ("tools.0.strict", vec!["tools", "strict"]),
            ("a[].b[12]", vec!["a", "b"]),
            ("a[x].b[", vec!["a[x]", "b["]),
            ("", vec![""]),
        ] {
            assert_eq!(path_of(name), path, "{name}");
        }
    }
}
