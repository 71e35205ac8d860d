//! The models that the pretend upstream says it has.

use serde_json::{Value, json};

/// Claude's model is said to know chat completions only, so that Anthropic requests must be translated.
pub(crate) fn models() -> Vec<Value> {
    let chat = [
        ("claude-sonnet-4.6", "Claude Sonnet 4.6", "Anthropic", 168, 32),
        ("gpt-4.1", "GPT-4.1", "Azure OpenAI", 128, 16),
        ("gpt-4o", "GPT-4o", "Azure OpenAI", 64, 4),
    ];
    let mut entries: Vec<Value> = chat
        .into_iter()
        .map(|(id, name, vendor, prompt, output)| {
            json!({
                "billing": {"is_premium": vendor == "Anthropic", "multiplier": 1},
                "capabilities": {
                    "family": id,
                    "limits": {
                        "max_context_window_tokens": (prompt + output) * 1000,
                        "max_prompt_tokens": prompt * 1000,
                        "max_output_tokens": output * 1024,
                    },
                    "object": "model_capabilities",
                    "supports": {"streaming": true, "tool_calls": true, "parallel_tool_calls": true},
                    "tokenizer": "o200k_base",
                    "type": "chat",
                },
                "id": id,
                "is_chat_default": id == "gpt-4.1",
                "is_chat_fallback": id == "gpt-4.1",
                "model_picker_enabled": true,
                "name": name,
                "object": "model",
                "policy": {"state": "enabled", "terms": "The terms of the pretended vendor."},
                "preview": false,
                "supported_endpoints": ["/chat/completions"],
                "vendor": vendor,
                "version": id,
            })
        })
        .collect();
    entries.push(json!({
        "capabilities": {
            "family": "text-embedding-3-small",
            "limits": {"max_inputs": 512},
            "object": "model_capabilities",
            "supports": {"dimensions": true},
            "tokenizer": "cl100k_base",
            "type": "embeddings",
        },
        "id": "text-embedding-3-small",
        "model_picker_enabled": false,
        "name": "Embedding V3 small",
        "object": "model",
        "preview": false,
        "vendor": "Azure OpenAI",
        "version": "text-embedding-3-small",
    }));
    entries
}
