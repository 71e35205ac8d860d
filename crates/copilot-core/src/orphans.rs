//! Tool calls without a result and results without a call, which every upstream refuses (upstream.md 4.1).
//!
//! A result belongs to a call that the assistant made just before, and stands right behind it. One that stands
//! further on, before the assistant speaks again, is moved up; one whose call is not there becomes text; a call
//! that has none is given one.

use std::{borrow::Cow, mem, ops::Range};

use crate::canonical::{Block, Conversation, Role, ToolCall, ToolResult, Turn};

const NO_RESULT: &str = "The tool call was interrupted: it has no result.";
const ADDED: &str = "added a result to a tool call that had none";
const AS_TEXT: &str = "sent a tool result without its call as text";
const MOVED: &str = "moved a tool result behind its call";

/// Makes calls and results match; returns the changes made.
pub(crate) fn repair(conversation: &mut Conversation<'_, '_>) -> Vec<String> {
    let turns = &conversation.turns;
    let groups = groups(turns);
    let is_whole = |(speakers, others): &(Range<usize>, Range<usize>)| {
        let part = |range: &Range<usize>| turns.get(range.clone()).unwrap_or_default();
        matches(part(speakers), part(others))
    };
    if groups.iter().all(is_whole) {
        return Vec::new();
    }
    let whole: Vec<bool> = groups.iter().map(is_whole).collect();
    let mut changes = Vec::new();
    let mut rest = mem::take(&mut conversation.turns).into_iter();
    let made = &mut conversation.turns;
    for ((speakers, others), whole) in groups.into_iter().zip(whole) {
        if whole {
            made.extend(rest.by_ref().take(speakers.len() + others.len()));
            continue;
        }
        let speakers: Vec<_> = rest.by_ref().take(speakers.len()).collect();
        let others: Vec<_> = rest.by_ref().take(others.len()).collect();
        mend(made, speakers, others, &mut changes);
    }
    changes.into_iter().map(str::to_owned).collect()
}

/// Turns of the assistant and those of others behind them.
fn groups(turns: &[Turn<'_, '_>]) -> Vec<(Range<usize>, Range<usize>)> {
    let mut groups = Vec::new();
    let mut at = 0;
    while at < turns.len() {
        let count = |from: usize, speaks: bool| {
            let rest = turns.get(from..).unwrap_or_default();
            rest.iter().take_while(|turn| (turn.role == Role::Assistant) == speaks).count()
        };
        let middle = at + count(at, true);
        let end = middle + count(middle, false);
        groups.push((at..middle, middle..end));
        at = end;
    }
    groups
}

fn calls<'t, 'a>(turn: &'t Turn<'_, 'a>) -> impl Iterator<Item = &'t ToolCall<'a>> {
    turn.blocks.iter().filter_map(|block| match block {
        Block::ToolCall(call) => Some(call),
        _ => None,
    })
}

/// Whether what follows begins with the results of all calls, and holds no others.
fn matches(speakers: &[Turn<'_, '_>], others: &[Turn<'_, '_>]) -> bool {
    let mut wanted: Vec<&str> = speakers.iter().flat_map(calls).map(|call| &*call.id).collect();
    let mut found: Vec<&str> = others
        .iter()
        .flat_map(|turn| &turn.blocks)
        .filter_map(|block| match block {
            Block::ToolResult(result) => Some(&*result.call_id),
            _ => None,
        })
        .collect();
    wanted.sort_unstable();
    found.sort_unstable();
    let count = wanted.len();
    wanted.dedup();
    if wanted != found || wanted.len() != count {
        return false;
    }
    if count == 0 {
        return true;
    }
    let first = others.first().map(|turn| &*turn.blocks).unwrap_or_default();
    first.len() >= count
        && speakers.last().is_some_and(|last| calls(last).count() == count)
        && first.iter().take(count).all(|block| matches!(block, Block::ToolResult(_)))
}

fn mend<'d, 'a>(
    made: &mut Vec<Turn<'d, 'a>>,
    speakers: Vec<Turn<'d, 'a>>,
    others: Vec<Turn<'d, 'a>>,
    changes: &mut Vec<&'static str>,
) {
    let calls_of: Vec<ToolCall<'a>> = speakers.iter().flat_map(calls).cloned().collect();
    let mut results: Vec<Option<ToolResult<'a>>> = calls_of.iter().map(|_| None).collect();
    let mut rest: Vec<Turn<'d, 'a>> = Vec::new();
    for (number, mut turn) in others.into_iter().enumerate() {
        let was_empty = turn.blocks.is_empty();
        let mut kept = Vec::new();
        for block in mem::take(&mut turn.blocks) {
            let Block::ToolResult(mut result) = block else {
                kept.push(block);
                continue;
            };
            let place = call_of(&result, &calls_of, &results);
            if let Some((call, slot)) = place.and_then(|at| Some((calls_of.get(at)?, results.get_mut(at)?))) {
                result.call_id.clone_from(&call.id);
                *slot = Some(result);
                if number > 0 || !kept.is_empty() {
                    changes.push(MOVED);
                }
            } else {
                as_text(&mut kept, result);
                changes.push(AS_TEXT);
            }
        }
        if !kept.is_empty() || was_empty {
            turn.blocks = kept;
            rest.push(turn);
        }
    }
    changes.extend(results.iter().filter(|result| result.is_none()).map(|_| ADDED));
    let last = speakers.len().saturating_sub(1);
    let mut pairs = calls_of.into_iter().zip(results);
    for (number, turn) in speakers.into_iter().enumerate() {
        let count = calls(&turn).count();
        made.push(turn);
        let answered = |(call, result): (ToolCall<'a>, Option<ToolResult<'a>>)| {
            Block::ToolResult(result.unwrap_or_else(|| missing(call)))
        };
        let mut blocks: Vec<_> = pairs.by_ref().take(count).map(answered).collect();
        if blocks.is_empty() {
            continue;
        }
        if number < last {
            changes.push(MOVED);
        } else if let Some(next) = rest.first_mut().filter(|next| next.role == Role::User) {
            blocks.append(&mut next.blocks);
            next.blocks = blocks;
            next.plain = false;
            continue;
        }
        made.push(Turn::new(Role::User, blocks, false));
    }
    made.append(&mut rest);
}

/// The place of the first open call that the result is of: by id, else by name and order.
fn call_of(
    result: &ToolResult<'_>,
    calls: &[ToolCall<'_>],
    results: &[Option<ToolResult<'_>>],
) -> Option<usize> {
    calls.iter().zip(results).position(|(call, taken)| {
        let same = if result.call_id.is_empty() {
            result.name.is_empty() || result.name == call.name
        } else {
            call.id == result.call_id
        };
        same && taken.is_none()
    })
}

fn missing(call: ToolCall<'_>) -> ToolResult<'_> {
    let content = vec![Block::Text(NO_RESULT.into())];
    ToolResult { call_id: call.id, content, is_error: false, custom: call.custom, name: call.name }
}

fn as_text<'a>(kept: &mut Vec<Block<'a>>, result: ToolResult<'a>) {
    let name = if result.name.is_empty() { &result.call_id } else { &result.name };
    let mark = if name.is_empty() {
        Cow::Borrowed("Result of an earlier tool call:")
    } else {
        Cow::Owned(["Result of an earlier tool call (", name, "):"].concat())
    };
    kept.push(Block::Text(mark));
    kept.extend(result.content);
}
