//! From a text to token ids: the folder's `tokenizer.json`, or BERT's own tokenizer over its `vocab.txt`.

use super::{
    EncoderError,
    config::{BertConfig, Family},
    folder::ModelFolder,
    settings::{Casing, Settings, WordPieceConfig},
};
use amend_proto::TextRole;
use tokenizers::{
    PostProcessor, Tokenizer, TruncationDirection, TruncationParams, models::wordpiece::WordPiece,
    normalizers::BertNormalizer, pre_tokenizers::bert::BertPreTokenizer, processors::bert::BertProcessing,
};

const FAST: &str = "tokenizer.json";
const VOCABULARY: &str = "vocab.txt";
/// Of a longer text this many bytes a token of capacity are tokenized; a longer word is one unknown token anyway.
const BYTES_A_TOKEN: usize = 128;

/// Turns texts into token ids, of which no text has none or more than the limit.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    limit: usize,
    pad: u32,
    casing: Casing,
    vocab: usize,
}

impl Tokens {
    pub(super) fn read(
        folder: &mut ModelFolder,
        settings: &Settings,
        config: &BertConfig,
    ) -> Result<Self, EncoderError> {
        let (fast, vocabulary) =
            (format!("{}{FAST}", settings.within), format!("{}{VOCABULARY}", settings.within));
        let (name, mut tokenizer) = if let Some(bytes) = folder.read(&fast)? {
            let tokenizer = Tokenizer::from_bytes(&bytes)
                .map_err(|error| folder.invalid(&fast, format!("it cannot be understood: {error}")))?;
            (fast, tokenizer)
        } else if let Some(bytes) = folder.read(&vocabulary)?.filter(|_| config.family == Family::Bert) {
            let tokenizer = word_piece(&bytes, &settings.word_piece)
                .map_err(|problem| folder.invalid(&vocabulary, problem))?;
            (vocabulary, tokenizer)
        } else {
            let family = config.family.name();
            let problem = match config.family {
                Family::Bert => format!("it has neither {FAST} nor {VOCABULARY}"),
                Family::Roberta | Family::MpNet => format!(
                    "it has no {FAST}, which a {family} model needs; save its tokenizer once with `save_pretrained` of transformers"
                ),
            };
            return Err(folder.invalid(&settings.within, problem));
        };
        let limit = settings.max_tokens.map_or(config.max_tokens(), |most| most.min(config.max_tokens()));
        let special = tokenizer.get_post_processor().map_or(0, |post| post.added_tokens(false));
        if limit <= special {
            let problem = format!(
                "texts are cut at {limit} tokens, of which {special} are the tokenizer's own marks; set a larger limit"
            );
            return Err(folder.invalid(&name, problem));
        }
        tokenizer
            .with_padding(None)
            .with_truncation(Some(TruncationParams {
                max_length: limit,
                direction: TruncationDirection::Right,
                ..TruncationParams::default()
            }))
            .map_err(|error| {
                folder.invalid(&name, format!("texts cannot be cut at {limit} tokens: {error}"))
            })?;
        let (pad, casing) = (config.pad, settings.casing);
        Ok(Self { tokenizer, limit, pad, casing, vocab: config.vocab })
    }

    /// The most tokens of a text.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// The ids of a text after the prompt of its role.
    pub(super) fn ids(
        &self,
        settings: &Settings,
        text: &str,
        role: TextRole,
    ) -> tokenizers::Result<Vec<u32>> {
        let prompt = settings.prompt(role);
        let text = &text[..text.floor_char_boundary(self.limit.saturating_mul(BYTES_A_TOKEN))];
        let text = format!("{prompt}{text}");
        let text = match self.casing {
            Casing::Kept => text,
            Casing::Lowered => text.to_lowercase(),
        };
        let mut ids = self.tokenizer.encode_fast(text, true)?.get_ids().to_vec();
        if let Some(unknown) = ids.iter().find(|id| **id as usize >= self.vocab) {
            return Err(
                format!("the tokenizer gives id {unknown}, the model has {} words", self.vocab).into()
            );
        }
        if ids.is_empty() {
            ids.push(self.pad);
        }
        Ok(ids)
    }
}

fn word_piece(vocabulary: &[u8], config: &WordPieceConfig) -> Result<Tokenizer, String> {
    let words = WordPiece::read_bytes(vocabulary).map_err(|error| error.to_string())?;
    let model = WordPiece::builder()
        .vocab(words)
        .unk_token("[UNK]".to_owned())
        .build()
        .map_err(|error| error.to_string())?;
    let mut tokenizer = Tokenizer::new(model);
    let special = |word: &str| {
        let id = tokenizer.token_to_id(word).ok_or_else(|| format!("it has no line {word}"))?;
        Ok::<_, String>((word.to_owned(), id))
    };
    special("[UNK]")?;
    let template = BertProcessing::new(special("[SEP]")?, special("[CLS]")?);
    tokenizer
        .with_normalizer(Some(BertNormalizer::new(
            true,
            config.chinese_chars,
            config.strip_accents,
            config.casing == Casing::Lowered,
        )))
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(template));
    Ok(tokenizer)
}
