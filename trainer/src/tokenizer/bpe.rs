//! Making a tokenizer from text: byte-level byte-pair encoding (Sennrich et al. 2016, Radford et al. 2019).

use crate::{Error, Result};
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::{
    byte_level::ByteLevel,
    sequence::Sequence,
    split::{Split, SplitPattern},
};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper,
    SplitDelimiterBehavior, Tokenizer, TokenizerBuilder,
};

/// What is never merged with anything else: a run of letters, a run of digits, one mark, one white space.
///
/// GPT-2's pattern glues a word to the space before it, so that a name has other pieces after a space than at the start
/// of an answer, in quotes or in a tag. A small model then learns to copy a name once for each of these. Here a name is
/// the same pieces wherever it stands; the price is a token for every space.
const WORDS: &str = r"\p{L}+|\p{N}+|[^\p{L}\p{N}]";

/// The token that begins and pads, and that ends a plain text.
pub const END_OF_TEXT: &str = "<|endoftext|>";
/// The token that begins a turn.
pub const TURN_START: &str = "<|im_start|>";
/// The token that ends a turn.
pub const TURN_END: &str = "<|im_end|>";
/// The special tokens of [`super::CHATML`]; they get the ids 0, 1 and 2.
pub const CHATML_TOKENS: [&str; 3] = [END_OF_TEXT, TURN_START, TURN_END];

/// Trains a tokenizer of `vocab_size` pieces (fewer when the texts have not as many pairs that occur twice), the
/// special tokens included, which come first. Any text can be encoded: all 256 bytes are pieces. The result depends on
/// the texts alone.
///
/// # Errors
/// [`Error::Tokenizer`] when `vocab_size` has no room for the bytes, or the training fails.
pub fn train_bpe(
    texts: impl Iterator<Item = String> + Send,
    vocab_size: usize,
    special_tokens: &[&str],
) -> Result<Tokenizer> {
    let least = 256 + special_tokens.len();
    if vocab_size < least {
        let problem = format!(
            "a vocabulary of {vocab_size} has no room for 256 bytes and the special tokens ({least})"
        );
        return Err(Error::Tokenizer(problem));
    }
    let explain = |e: tokenizers::Error| Error::Tokenizer(format!("training failed: {e}"));
    let special = special_tokens.iter().map(|t| AddedToken::from((*t).to_owned(), true)).collect();
    let mut trainer = BpeTrainerBuilder::new()
        .vocab_size(vocab_size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let words = Split::new(SplitPattern::Regex(WORDS.to_owned()), SplitDelimiterBehavior::Isolated, false);
    let byte_level = ByteLevel::new(false, true, false);
    let pieces = Sequence::new(vec![
        PreTokenizerWrapper::from(words.map_err(explain)?),
        PreTokenizerWrapper::from(byte_level),
    ]);
    let mut tokenizer = TokenizerBuilder::<
        BPE,
        NormalizerWrapper,
        PreTokenizerWrapper,
        PostProcessorWrapper,
        DecoderWrapper,
    >::new()
    .with_model(BPE::default())
    .with_normalizer(None)
    .with_pre_tokenizer(Some(PreTokenizerWrapper::from(pieces)))
    .with_post_processor(Some(PostProcessorWrapper::from(ByteLevel::new(false, false, true))))
    .with_decoder(Some(DecoderWrapper::from(byte_level)))
    .build()
    .map_err(explain)?;
    tokenizer.train(&mut trainer, texts).map_err(explain)?;
    // Through the file format, which is what every reader sees.
    tokenizer.to_string(false).and_then(Tokenizer::from_bytes).map_err(explain)
}
