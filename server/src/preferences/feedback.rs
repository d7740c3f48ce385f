//! What is said of kept completions, and the pairs that come of it.
//!
//! Of each answer the newest verdict, the newest correction, and of each completion the newest choice is kept. Saying the
//! same again changes nothing. Saying something else takes the place of what was said, and of the pairs that it made.

use super::{
    Heard, PreferenceError, StoredPair, TenantPreferences, check_author, counted, kept, once::Once, pairs,
};
use crate::telemetry::preference_names as names;
use amend_proto::{CompletionId, PairId, TenantId};
use amend_trainer::preference::{
    Feedback, FeedbackError, IdempotencyKey, Limits, Opinion, Tone, UnixMillis, Verdict, pairs_of,
    verdict_of, with_opposite,
};
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqliteConnection};

/// Verdicts on the same question that are looked at for an opposite one, the newest.
const MAX_EARLIER: i64 = 16;

/// What somebody says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFeedback {
    /// The completion.
    pub completion: CompletionId,
    /// Which of its answers, from 0.
    pub answer: usize,
    /// What is said.
    pub opinion: Opinion,
    /// Who says so.
    pub author: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The completion.
    pub completion: CompletionId,
    /// Which of its answers.
    pub answer: usize,
    /// The pairs that it made.
    pub pairs: Vec<StoredPair>,
    /// When it was said.
    pub at: UnixMillis,
    /// What that says of a revision's answer; nothing when it was said before, or is no verdict.
    pub(super) heard: Option<Heard>,
}

/// What a key is remembered with.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    completion: CompletionId,
    answer: usize,
    pairs: Vec<PairId>,
    at: UnixMillis,
}

/// A row that the new feedback takes the place of.
struct Earlier {
    seq: i64,
    record: Feedback,
    pairs: Vec<PairId>,
}

/// A verdict that may be opposite.
struct Other {
    seq: i64,
    verdict: Verdict,
    user: Option<String>,
}

impl TenantPreferences {
    /// Takes feedback. When this returns, it and the pairs that it makes are on disk.
    ///
    /// # Errors
    /// [`PreferenceError::NotFound`] for an unknown completion; [`Invalid`](PreferenceError::Invalid) names the field;
    /// [`KeyTaken`](PreferenceError::KeyTaken); [`Full`](PreferenceError::Full).
    pub async fn judge(
        &self,
        new: NewFeedback,
        key: Option<(IdempotencyKey, String)>,
    ) -> Result<Judged, PreferenceError> {
        check_author(new.author.as_deref())?;
        let (service, tenant, now) = (self.service.clone(), self.tenant.clone(), self.now());
        let kind = kind(&new.opinion);
        let work = Work {
            tenant,
            limits: service.0.settings.limits,
            most: service.0.settings.max_pairs,
            since: service.oldest(),
        };
        let (judged, fresh) = service
            .0
            .ledger
            .write(move |c| {
                async move {
                    let once = Once { tenant: &work.tenant, key, now };
                    if let Some(said) = once.answered::<Said>(c).await? {
                        return Ok((work.replay(c, said).await?, false));
                    }
                    let NewFeedback { completion, answer, opinion, author } = new;
                    let idempotency_key = once.key();
                    let feedback =
                        Feedback { completion, answer, opinion, author, idempotency_key, created_at: now };
                    let (judged, fresh) = work.take(c, feedback).await?;
                    let pairs = judged.pairs.iter().map(|pair| pair.pair.id.clone()).collect();
                    let said = Said { completion: judged.completion.clone(), answer, pairs, at: judged.at };
                    once.remember(c, &said).await?;
                    Ok::<_, PreferenceError>((judged, fresh))
                }
                .boxed()
            })
            .await?;
        if fresh {
            metrics::counter!(names::FEEDBACK, "kind" => kind).increment(1);
            counted(&judged.pairs);
            if let Some(heard) = judged.heard.clone() {
                // Nobody may listen.
                let _ = self.service.0.opinions.send(heard);
            }
        }
        Ok(judged)
    }
}

/// The name of an opinion in metrics.
fn kind(opinion: &Opinion) -> &'static str {
    match opinion {
        Opinion::Thumb(_) => "thumb",
        Opinion::Rating(_) => "rating",
        Opinion::Correction(_) => "correction",
        Opinion::Choice => "choice",
    }
}

/// What it takes the place of: a choice is of the completion, the others are of an answer.
fn slot(feedback: &Feedback) -> (&'static str, i64) {
    let answer = i64::try_from(feedback.answer).unwrap_or(i64::MAX);
    match feedback.opinion {
        Opinion::Thumb(_) | Opinion::Rating(_) => ("verdict", answer),
        Opinion::Correction(_) => ("correction", answer),
        Opinion::Choice => ("choice", 0),
    }
}

struct Work {
    tenant: TenantId,
    limits: Limits,
    most: u64,
    since: UnixMillis,
}

impl Work {
    /// What was answered before, with the pairs that are still there.
    async fn replay(&self, c: &mut SqliteConnection, said: Said) -> Result<Judged, PreferenceError> {
        let Said { completion, answer, pairs: ids, at } = said;
        Ok(Judged { completion, answer, pairs: self.stored(c, &ids).await?, at, heard: None })
    }

    async fn stored(
        &self,
        c: &mut SqliteConnection,
        ids: &[PairId],
    ) -> Result<Vec<StoredPair>, PreferenceError> {
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            found.extend(pairs::find(c, &self.tenant, id).await?);
        }
        Ok(found)
    }

    /// Does what feedback asks for; tells whether it said anything new.
    async fn take(
        &self,
        c: &mut SqliteConnection,
        feedback: Feedback,
    ) -> Result<(Judged, bool), PreferenceError> {
        let found = kept::find(c, (&self.tenant, &feedback.completion), self.since).await?;
        let Some((place, kept)) = found else {
            return Err(PreferenceError::no_completion(&feedback.completion));
        };
        let refused = |error: FeedbackError| match (&error, &feedback.opinion) {
            (FeedbackError::NoSuchAnswer { .. }, Opinion::Choice) => {
                PreferenceError::invalid("choice", error.to_string().replacen("answer:", "choice:", 1))
            }
            _ => error.into(),
        };
        let new = pairs_of(&kept.completion, &feedback, &self.limits).map_err(refused)?;
        let verdict = verdict_of(&kept.completion, &feedback, &self.limits).map_err(refused)?;
        let earlier = self.earlier(c, place, &feedback).await?;
        if let Some(earlier) = &earlier {
            let same = earlier.record.opinion == feedback.opinion && earlier.record.answer == feedback.answer;
            if same {
                let pairs = self.stored(c, &earlier.pairs).await?;
                return Ok((judged(&feedback, pairs, None), false));
            }
            pairs::remove_any(c, &self.tenant, &earlier.pairs).await?;
        }
        let mut stored = Vec::new();
        for pair in new {
            stored.push(pairs::insert(c, pair, [kept.user.clone(), None], self.most).await?);
        }
        if let Some(verdict) = &verdict {
            let own = earlier.as_ref().map(|earlier| earlier.seq);
            stored.extend(self.opposite(c, verdict, own, kept.user).await?);
        }
        let tone = verdict.as_ref().map(|verdict| verdict.tone);
        let tone = tone.or(matches!(feedback.opinion, Opinion::Correction(_)).then_some(Tone::Bad));
        self.write(c, (place, earlier), (&feedback, verdict), &stored).await?;
        let heard = tone.map(|tone| Heard { revision: kept.completion.revision, tone });
        Ok((judged(&feedback, stored, heard), true))
    }

    async fn earlier(
        &self,
        c: &mut SqliteConnection,
        place: i64,
        feedback: &Feedback,
    ) -> Result<Option<Earlier>, PreferenceError> {
        let (kind, answer) = slot(feedback);
        let sql =
            "SELECT seq, record, pairs FROM feedback WHERE completion = ?1 AND answer = ?2 AND kind = ?3";
        let row = sqlx::query(sql).bind(place).bind(answer).bind(kind).fetch_optional(c).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(Earlier {
            seq: row.try_get(0)?,
            record: serde_json::from_str(row.try_get(1)?)?,
            pairs: serde_json::from_str(row.try_get(2)?)?,
        }))
    }

    /// The pair of a verdict with an opposite one on the same question, stored, and noted with both.
    async fn opposite(
        &self,
        c: &mut SqliteConnection,
        verdict: &Verdict,
        own: Option<i64>,
        user: Option<String>,
    ) -> Result<Option<StoredPair>, PreferenceError> {
        let others = self.others(c, verdict, own).await?;
        let verdicts: Vec<Verdict> = others.iter().map(|other| other.verdict.clone()).collect();
        let Some(pair) = with_opposite(verdict, &verdicts, &self.limits)? else { return Ok(None) };
        let text = match verdict.tone {
            Tone::Good => &pair.rejected,
            Tone::Bad => &pair.chosen,
        };
        let other =
            others.iter().find(|other| other.verdict.answer == *text && other.verdict.tone != verdict.tone);
        let other_user = other.and_then(|other| other.user.clone());
        let stored = pairs::insert(c, pair, [user, other_user], self.most).await?;
        if let Some(other) = other {
            sqlx::query("UPDATE feedback SET pairs = json_insert(pairs, '$[#]', ?1) WHERE seq = ?2")
                .bind(stored.pair.id.as_str())
                .bind(other.seq)
                .execute(c)
                .await?;
        }
        Ok(Some(stored))
    }

    /// Verdicts on the same question, the newest first.
    async fn others(
        &self,
        c: &mut SqliteConnection,
        verdict: &Verdict,
        own: Option<i64>,
    ) -> Result<Vec<Other>, PreferenceError> {
        let rows = sqlx::query(
            "SELECT f.seq, f.verdict, c.user FROM feedback f JOIN completions c ON c.seq = f.completion
             WHERE f.tenant = ?1 AND f.prompt = ?2 AND f.seq IS NOT ?3 ORDER BY f.at DESC, f.seq DESC LIMIT ?4",
        )
        .bind(self.tenant.as_str())
        .bind(verdict.key.as_str())
        .bind(own)
        .bind(MAX_EARLIER)
        .fetch_all(c)
        .await?;
        let other = |row: &sqlx::sqlite::SqliteRow| -> Result<_, PreferenceError> {
            let verdict = serde_json::from_str(row.try_get(1)?)?;
            Ok(Other { seq: row.try_get(0)?, verdict, user: row.try_get(2)? })
        };
        rows.iter().map(other).collect()
    }

    async fn write(
        &self,
        c: &mut SqliteConnection,
        (place, earlier): (i64, Option<Earlier>),
        (feedback, verdict): (&Feedback, Option<Verdict>),
        stored: &[StoredPair],
    ) -> Result<(), PreferenceError> {
        let (kind, answer) = slot(feedback);
        let ids: Vec<&PairId> = stored.iter().map(|pair| &pair.pair.id).collect();
        sqlx::query(
            "INSERT OR REPLACE INTO feedback
                 (seq, completion, answer, kind, tenant, at, prompt, verdict, record, pairs)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .bind(earlier.map(|earlier| earlier.seq))
        .bind(place)
        .bind(answer)
        .bind(kind)
        .bind(self.tenant.as_str())
        .bind(feedback.created_at.0)
        .bind(verdict.as_ref().map(|verdict| verdict.key.as_str().to_owned()))
        .bind(verdict.as_ref().map(serde_json::to_string).transpose()?)
        .bind(serde_json::to_string(feedback)?)
        .bind(serde_json::to_string(&ids)?)
        .execute(c)
        .await?;
        Ok(())
    }
}

fn judged(feedback: &Feedback, pairs: Vec<StoredPair>, heard: Option<Heard>) -> Judged {
    Judged {
        completion: feedback.completion.clone(),
        answer: feedback.answer,
        pairs,
        at: feedback.created_at,
        heard,
    }
}
