//! The tokenizer files of a Hugging Face model folder: tokenizer.json, tokenizer_config.json, chat_template.jinja.

use super::{ChatTokenizer, SpecialTokens};
use crate::files::write_atomically;
use crate::{Error, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tokenizers::Tokenizer;

impl ChatTokenizer {
    /// Reads the tokenizer files of a model folder. A chat_template.jinja goes before the template in
    /// tokenizer_config.json; of several named templates the one called `default` is taken.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be read, [`Error::Tokenizer`] when one makes no sense.
    pub fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let bytes = fs::read(&path).map_err(Error::io("reading", &path))?;
        let tokenizer = Tokenizer::from_bytes(bytes)
            .map_err(|e| Error::Tokenizer(format!("{} is not a tokenizer: {e}", path.display())))?;
        let path = folder.join("tokenizer_config.json");
        let bytes = fs::read(&path).map_err(Error::io("reading", &path))?;
        let config: Value = serde_json::from_slice(&bytes)
            .map_err(|e| Error::Tokenizer(format!("{} is not json: {e}", path.display())))?;
        let jinja = folder.join("chat_template.jinja");
        let template = match jinja.exists() {
            true => Some(fs::read_to_string(&jinja).map_err(Error::io("reading", &jinja))?),
            false => template_of(&config),
        };
        let template =
            template.ok_or_else(|| Error::Tokenizer(format!("{} has no chat template", folder.display())))?;
        let eos = token_of(&config, "eos_token")
            .ok_or_else(|| Error::Tokenizer(format!("{} names no eos_token", path.display())))?;
        let special =
            SpecialTokens { bos: token_of(&config, "bos_token"), eos, pad: token_of(&config, "pad_token") };
        Self::new(tokenizer, &template, special)
    }

    /// Writes tokenizer.json and tokenizer_config.json into a folder that exists.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let text =
            self.tokenizer.to_string(true).map_err(|e| Error::Tokenizer(format!("not writable: {e}")))?;
        write_atomically(folder, "tokenizer.json", text.as_bytes())?;
        let config = json!({
            "add_bos_token": false,
            "add_eos_token": false,
            "bos_token": self.special.bos,
            "eos_token": self.special.eos,
            "pad_token": self.special.pad,
            "unk_token": null,
            "clean_up_tokenization_spaces": false,
            "tokenizer_class": "PreTrainedTokenizerFast",
            "chat_template": self.template.source(),
        });
        write_atomically(folder, "tokenizer_config.json", format!("{config:#}\n").as_bytes())
    }
}

/// A special token is written as its text or as an object with its text as `content`.
fn token_of(config: &Value, name: &str) -> Option<String> {
    let value = config.get(name)?;
    value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
}

fn template_of(config: &Value) -> Option<String> {
    match config.get("chat_template")? {
        Value::String(template) => Some(template.clone()),
        Value::Array(named) => {
            let default = named.iter().find(|t| t.get("name").and_then(Value::as_str) == Some("default"))?;
            default.get("template")?.as_str().map(str::to_owned)
        }
        _ => None,
    }
}
