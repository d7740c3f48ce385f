//! What a sentence-transformers folder says around its transformer: the modules, the pooling, the prompts, the length.
//!
//! A plain folder of `transformers`, without `modules.json`, gets what sentence-transformers makes of one: the mean of
//! all tokens and no prompts.

use super::{EncoderError, EncoderOptions, Prompts, folder::ModelFolder, pooling::Pooling};
use amend_proto::TextRole;
use serde::Deserialize;
use std::collections::HashMap;

const MODULES: &str = "modules.json";
const PROMPTS: &str = "config_sentence_transformers.json";
const SENTENCE: &str = "sentence_bert_config.json";
const TOKENIZER: &str = "tokenizer_config.json";

/// Everything but the network.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    /// Where the transformer lies in the folder: empty, or ending in a slash.
    pub(super) within: String,
    pub(super) pooling: Pooling,
    pub(super) prompts: Prompts,
    /// The most tokens of one text that are read, as far as the folder or the options say.
    pub(super) max_tokens: Option<usize>,
    /// Texts are put in small letters before the tokenizer sees them.
    pub(super) casing: Casing,
    /// What a tokenizer made of `vocab.txt` does.
    pub(super) word_piece: WordPieceConfig,
}

/// What happens to capitals before the tokenizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Casing {
    Kept,
    Lowered,
}

impl Casing {
    fn of(lower: Option<bool>) -> Self {
        if lower == Some(true) { Self::Lowered } else { Self::Kept }
    }
}

/// How BERT's own tokenizer prepares a text, from `tokenizer_config.json`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WordPieceConfig {
    pub(super) casing: Casing,
    pub(super) strip_accents: Option<bool>,
    pub(super) chinese_chars: bool,
}

#[derive(Deserialize)]
struct RawModule {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize, Default)]
struct RawPrompts {
    #[serde(default)]
    prompts: HashMap<String, String>,
    default_prompt_name: Option<String>,
}

#[derive(Deserialize, Default)]
struct RawSentence {
    max_seq_length: Option<usize>,
    do_lower_case: Option<bool>,
}

#[derive(Deserialize, Default)]
struct RawTokenizer {
    /// A huge number, written as a float, where nobody set one.
    model_max_length: Option<f64>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
}

impl Settings {
    pub(super) fn read(folder: &mut ModelFolder, options: EncoderOptions) -> Result<Self, EncoderError> {
        let (within, pooling) = modules(folder)?;
        let (pooling, include_prompt) = match pooling {
            Some(name) => Pooling::read(folder, &name)?,
            None => (Pooling::Mean, true),
        };
        let stored: RawPrompts = folder.json(PROMPTS)?.unwrap_or_default();
        let prompts = match options.prompts {
            Some(given) => given,
            None => stored.prompts(folder)?,
        };
        if !include_prompt && prompts != Prompts::default() {
            let what = "pooling without the prompt's tokens (include_prompt false)";
            return Err(folder.unsupported(MODULES, what, "use an encoder that pools over all tokens"));
        }
        let sentence: RawSentence = folder.json(&format!("{within}{SENTENCE}"))?.unwrap_or_default();
        let tokenizer: RawTokenizer = folder.json(&format!("{within}{TOKENIZER}"))?.unwrap_or_default();
        let from_tokenizer =
            tokenizer.model_max_length.filter(|most| *most >= 1.0 && *most < 1e9).map(|most| most as usize);
        Ok(Self {
            within,
            pooling,
            prompts,
            max_tokens: options.max_tokens.or(sentence.max_seq_length).or(from_tokenizer),
            casing: Casing::of(sentence.do_lower_case),
            word_piece: WordPieceConfig {
                // BERT's tokenizer lowers capitals unless told otherwise.
                casing: Casing::of(Some(tokenizer.do_lower_case != Some(false))),
                strip_accents: tokenizer.strip_accents,
                chinese_chars: tokenizer.tokenize_chinese_chars != Some(false),
            },
        })
    }

    /// What stands before a text of this role.
    pub(super) fn prompt(&self, role: TextRole) -> &str {
        match role {
            TextRole::Query => &self.prompts.query,
            TextRole::Passage => &self.prompts.passage,
        }
    }
}

impl RawPrompts {
    /// The names are those that `encode_query` and `encode_document` of sentence-transformers look for.
    fn prompts(&self, folder: &ModelFolder) -> Result<Prompts, EncoderError> {
        let default = match &self.default_prompt_name {
            None => "",
            Some(name) => match self.prompts.get(name) {
                Some(prompt) => prompt,
                None => {
                    let problem = format!("default_prompt_name is {name:?}, and prompts has no such name");
                    return Err(folder.invalid(PROMPTS, problem));
                }
            },
        };
        let named = |names: &[&str]| {
            names.iter().find_map(|name| self.prompts.get(*name)).map_or(default, String::as_str).to_owned()
        };
        Ok(Prompts { query: named(&["query"]), passage: named(&["document", "passage", "corpus"]) })
    }
}

/// Where the transformer is, and the configuration of the pooling.
fn modules(folder: &mut ModelFolder) -> Result<(String, Option<String>), EncoderError> {
    let Some(modules) = folder.json::<Vec<RawModule>>(MODULES)? else { return Ok((String::new(), None)) };
    let (mut transformer, mut pooling) = (None, None);
    for module in modules {
        let slash = if module.path.is_empty() || module.path.ends_with('/') { "" } else { "/" };
        let within = format!("{}{slash}", module.path);
        match module.kind.rsplit('.').next() {
            Some("Transformer") if transformer.is_none() => transformer = Some(within),
            Some("Pooling") if pooling.is_none() => pooling = Some(format!("{within}config.json")),
            // Every embedding is normalised, whether the folder asks for it or not.
            Some("Normalize") => {}
            _ => {
                let what = format!("the module {:?}", module.kind);
                let instead = "supported are one Transformer, one Pooling, and Normalize";
                return Err(folder.unsupported(MODULES, what, instead));
            }
        }
    }
    match transformer {
        Some(transformer) => Ok((transformer, pooling)),
        None => Err(folder.invalid(MODULES, "it lists no Transformer")),
    }
}
