//! The phase that writes the edits and the questions.

use super::{
    SEED, ScaleError,
    files::{Files, Single},
    report::Generated,
    workload::{Line, Question, Workload},
};

/// Edits that questions are about.
const QUESTIONS: usize = 2_000;
/// What is taken in while another tenant writes: one part in so many.
const BESIDE: usize = 20;

/// Writes edits as lines of an import, and questions of each kind.
pub(super) fn generate(files: &Files, edits: usize) -> Result<Generated, ScaleError> {
    files.begin()?;
    let mut workload = Workload::new(edits, SEED)?;
    let mut about: Vec<Question> = Vec::new();
    let (mut text_bytes, mut all_bytes) = (0, 0);
    files.write(
        "edits.jsonl",
        (0..edits).map(|at| {
            let (line, question) = workload.edit();
            let Line { text, subject, relation, object, source } = &line;
            let fields = [subject, relation, object].into_iter().flatten().map(String::len).sum::<usize>();
            text_bytes += text.len() as u64;
            all_bytes += (text.len() + source.len() + fields) as u64;
            if at % (edits / QUESTIONS).max(1) == 0 && about.len() < QUESTIONS {
                about.push(question);
            }
            line
        }),
    )?;
    files.write("beside.jsonl", (0..edits / BESIDE).map(|_| workload.edit().0))?;
    files.write("single.jsonl", (0..Single::ALL).map(|_| workload.edit_about_another()))?;
    let mut asked = Vec::with_capacity(5 * about.len());
    for question in about {
        asked.extend(workload.misspelt(&question));
        asked.extend([workload.long(&question), workload.other_subject(), workload.generic(), question]);
    }
    files.write("questions.jsonl", &asked)?;
    Ok(Generated { text_bytes, all_bytes, questions: asked.len() })
}
