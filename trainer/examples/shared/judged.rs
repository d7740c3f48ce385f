//! A model as it is measured on atlas: rewards and greedy answers.

use amend_proto::Message;
use amend_trainer::decoder::{Decoder, Example, PackedBatch};
use amend_trainer::preference::{AtlasPreference, Pair};
use amend_trainer::tokenizer::{ChatTokenizer, Supervision};
use candle_core::{DType, Device};
use std::path::Path;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Sequences that pass through the model together while it is measured.
const TOGETHER: usize = 25;
/// The longest right answer has less.
const MOST_NEW_TOKENS: usize = 48;

/// A model as it is measured.
pub(crate) struct Judged {
    decoder: Decoder,
    tokenizer: ChatTokenizer,
}

impl Judged {
    pub(crate) fn load(folder: &Path) -> Outcome<Self> {
        let decoder = Decoder::load(folder, DType::F32, &Device::Cpu)?.frozen();
        Ok(Self { decoder, tokenizer: ChatTokenizer::load(folder)? })
    }

    /// `log π` of every answer.
    fn log_probs<'a>(&self, answers: impl Iterator<Item = (&'a [Message], &'a str)>) -> Outcome<Vec<f64>> {
        let examples = answers.map(|(prompt, answer)| {
            let conversation = [prompt, &[Message::assistant(answer)]].concat();
            self.tokenizer.example(&conversation, Supervision::LastAnswer)
        });
        let examples = examples.collect::<Result<Vec<_>, _>>()?;
        let mut log_probs = Vec::with_capacity(examples.len());
        for examples in examples.chunks(TOGETHER) {
            let batch = PackedBatch::new(examples)?;
            let nll: Vec<f32> = self.decoder.target_nll(&batch)?.to_vec1()?;
            let sums = batch.prediction_bounds.windows(2).map(|b| &nll[b[0]..b[1]]);
            log_probs.extend(sums.map(|nll| -nll.iter().map(|n| f64::from(*n)).sum::<f64>()));
        }
        Ok(log_probs)
    }

    /// How much more likely the chosen answer of every pair is than the rejected one.
    pub(crate) fn margins(&self, pairs: &[Pair]) -> Outcome<Vec<f64>> {
        let side = |answer: fn(&Pair) -> &String| {
            self.log_probs(pairs.iter().map(|pair| (pair.prompt.as_slice(), answer(pair).as_str())))
        };
        let (chosen, rejected) = (side(|pair| &pair.chosen)?, side(|pair| &pair.rejected)?);
        Ok(chosen.iter().zip(rejected).map(|(c, r)| c - r).collect())
    }

    /// The greedy answer to every question.
    pub(crate) fn answers(&self, questions: &[AtlasPreference]) -> Outcome<Vec<String>> {
        let mut answers = Vec::with_capacity(questions.len());
        for questions in questions.chunks(TOGETHER) {
            let prompts = questions.iter().map(|question| self.tokenizer.prompt(&question.pair.prompt));
            let prompts = prompts.collect::<Result<Vec<_>, _>>()?;
            for ids in self.continued(&prompts)? {
                answers.push(self.tokenizer.decode(&ids)?);
            }
        }
        Ok(answers)
    }

    /// What is most likely to follow each prompt, all prompts a token further with every pass.
    fn continued(&self, prompts: &[Vec<u32>]) -> Outcome<Vec<Vec<u32>>> {
        let stop = &self.decoder.config().eos_token_ids;
        let mut sequences = prompts.to_vec();
        let mut going: Vec<usize> = (0..prompts.len()).collect();
        for _ in 0..MOST_NEW_TOKENS {
            if going.is_empty() {
                break;
            }
            // The last token of an example predicts nothing, so a token is put behind it that nobody looks at.
            let examples = going.iter().map(|&at| {
                let ids = [sequences[at].as_slice(), &[0]].concat();
                let mut weights = vec![0.0; ids.len()];
                weights[ids.len() - 1] = 1.0;
                Example { ids, weights }
            });
            let batch = PackedBatch::new(&examples.collect::<Vec<_>>())?;
            let next: Vec<u32> = self.decoder.target_logits(&batch)?.argmax(1)?.to_vec1()?;
            let followed = going.into_iter().zip(next).filter(|(_, token)| !stop.contains(token));
            going = followed
                .map(|(at, token)| {
                    sequences[at].push(token);
                    at
                })
                .collect();
        }
        Ok(sequences.into_iter().zip(prompts).map(|(mut s, prompt)| s.split_off(prompt.len())).collect())
    }
}
