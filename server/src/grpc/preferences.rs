//! `amend.v1.Preferences`.

use super::{convert, observe::observe, status::Failure, stream::Answers, transfer::Transfer};
use crate::{
    edits::{EditService, TENANT_HEADER},
    preferences::{
        Forgotten, Judged, Kept, NewFeedback, PreferenceService, StoredPair, TenantPreferences, hash_of,
    },
};
use amend_proto::{
    AppliedEdit, CompletionId, Message, PairId, Role,
    grpc::v1::{self, preferences_server},
    wire::{About, PreferenceBody},
};
use amend_trainer::preference::{IdempotencyKey, Opinion, PairSource, Rating, Thumb, UnixMillis};
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub(super) struct Preferences {
    service: PreferenceService,
    /// Knows which tenants are served.
    edits: EditService,
    transfer: Transfer,
}

impl Preferences {
    pub(super) fn new(service: PreferenceService, edits: EditService, transfer: Transfer) -> Self {
        Self { service, edits, transfer }
    }

    fn of<T>(&self, request: &Request<T>) -> Result<TenantPreferences, Failure> {
        let names = request.metadata().get_all(TENANT_HEADER);
        let names: Vec<&[u8]> = names.iter().map(|value| value.as_encoded_bytes()).collect();
        Ok(self.service.of(self.edits.tenant(names)?))
    }
}

fn completion_id(field: &str, id: &str) -> Result<CompletionId, Failure> {
    CompletionId::new(id).map_err(|error| Failure::invalid(format!("{field}: {error}")))
}

fn pair_id(id: &str) -> Result<PairId, Failure> {
    PairId::new(id).map_err(|error| Failure::invalid(format!("id: {error}")))
}

/// A key, with the hash of its request.
fn key(key: Option<String>, hash: String) -> Result<Option<(IdempotencyKey, String)>, Failure> {
    let key = key.map(IdempotencyKey::new).transpose();
    let key = key.map_err(|error| Failure::invalid(format!("idempotency_key: {error}")))?;
    Ok(key.map(|key| (key, hash)))
}

fn body(request: v1::AddPreferenceRequest) -> Result<PreferenceBody, Failure> {
    use v1::add_preference_request::About as Said;
    let v1::AddPreferenceRequest { about, chosen, rejected, author, idempotency_key: _ } = request;
    let about = match about {
        Some(Said::Prompt(prompt)) => About::Prompt(vec![Message::user(prompt)]),
        Some(Said::Conversation(v1::Conversation { messages })) => {
            let messages = messages.into_iter().enumerate();
            let messages = messages.map(|(at, message)| convert::message(at, message));
            About::Prompt(messages.collect::<Result<_, _>>()?)
        }
        Some(Said::CompletionId(id)) => About::Completion(completion_id("completion_id", &id)?),
        None => {
            return Err(Failure::invalid("prompt is missing; or conversation or completion_id instead"));
        }
    };
    Ok(PreferenceBody { about, chosen, rejected, author })
}

fn feedback(request: v1::GiveFeedbackRequest) -> Result<NewFeedback, Failure> {
    use v1::give_feedback_request::{Opinion as Said, Thumb as Sign};
    let v1::GiveFeedbackRequest { completion_id: id, opinion, answer, author, idempotency_key: _ } = request;
    let (opinion, answer) = match opinion {
        Some(Said::Thumb(thumb)) => match Sign::try_from(thumb) {
            Ok(Sign::Up) => (Opinion::Thumb(Thumb::Up), answer),
            Ok(Sign::Down) => (Opinion::Thumb(Thumb::Down), answer),
            Ok(Sign::Unspecified) | Err(_) => return Err(Failure::invalid("thumb must be up or down")),
        },
        Some(Said::Rating(stars)) => match u8::try_from(stars).ok().and_then(Rating::new) {
            Some(rating) => (Opinion::Rating(rating), answer),
            None => return Err(Failure::invalid("rating must be from 1 to 5")),
        },
        Some(Said::Correction(text)) => (Opinion::Correction(text), answer),
        Some(Said::Choice(_)) if answer != 0 => {
            return Err(Failure::invalid("answer: choice names the answer already; leave answer out"));
        }
        Some(Said::Choice(choice)) => (Opinion::Choice, choice),
        None => return Err(Failure::invalid("opinion is missing: thumb, rating, correction or choice")),
    };
    let completion = completion_id("completion_id", &id)?;
    Ok(NewFeedback { completion, answer: answer as usize, opinion, author })
}

fn seconds(at: UnixMillis) -> i64 {
    at.0.div_euclid(1000)
}

fn messages(messages: Vec<Message>) -> Vec<v1::Message> {
    let message = |message: Message| {
        let role = match message.role {
            Role::System => v1::message::Role::System,
            Role::User => v1::message::Role::User,
            Role::Assistant => v1::message::Role::Assistant,
            Role::Tool => v1::message::Role::Tool,
        };
        v1::Message { role: role.into(), content: message.content }
    };
    messages.into_iter().map(message).collect()
}

fn edits(edits: Vec<AppliedEdit>) -> Vec<v1::AppliedEdit> {
    edits.into_iter().map(|AppliedEdit { id, score }| v1::AppliedEdit { id: id.into(), score }).collect()
}

fn preference(stored: StoredPair) -> v1::Preference {
    use v1::preference::Source;
    let StoredPair { seq, pair } = stored;
    let by = pair.provenance;
    let source = match by.source {
        PairSource::Preference => Source::Preference,
        PairSource::Thumb => Source::Thumb,
        PairSource::Rating => Source::Rating,
        PairSource::Correction => Source::Correction,
        PairSource::Choice => Source::Choice,
        PairSource::Import => Source::Import,
        PairSource::Generated => Source::Generated,
    };
    v1::Preference {
        id: pair.id.into(),
        seq,
        messages: messages(pair.prompt),
        chosen: pair.chosen,
        rejected: pair.rejected,
        source: source.into(),
        author: by.author,
        completion_id: by.completion.map(Into::into),
        revision: by.revision.map(Into::into),
        edits: edits(by.edits),
        created: seconds(by.created_at),
    }
}

fn kept(kept: Kept) -> v1::KeptCompletion {
    let Kept { completion, model, finish: _, usage: _, user, at } = kept;
    v1::KeptCompletion {
        id: completion.id.into(),
        messages: messages(completion.prompt),
        answers: completion.answers,
        model: model.into(),
        revision: completion.revision.into(),
        edits: edits(completion.edits),
        user,
        created: seconds(at),
    }
}

fn deleted(gone: Forgotten) -> v1::Deleted {
    let Forgotten { completions, feedback, pairs } = gone;
    v1::Deleted { completions, feedback, preferences: pairs }
}

#[tonic::async_trait]
impl preferences_server::Preferences for Preferences {
    async fn add_preference(&self, request: Request<v1::AddPreferenceRequest>) -> Answer<v1::Preference> {
        observe("AddPreference", async {
            let preferences = self.of(&request)?;
            let request = request.into_inner();
            let hash = hash_of("grpc preference", format!("{request:?}").as_bytes());
            let key = key(request.idempotency_key.clone(), hash)?;
            Ok(preference(preferences.add(body(request)?, key).await?))
        })
        .await
    }

    async fn get_preference(&self, request: Request<v1::GetPreferenceRequest>) -> Answer<v1::Preference> {
        observe("GetPreference", async {
            let preferences = self.of(&request)?;
            Ok(preference(preferences.pair(&pair_id(&request.get_ref().id)?).await?))
        })
        .await
    }

    async fn list_preferences(
        &self,
        request: Request<v1::ListPreferencesRequest>,
    ) -> Answer<v1::ListPreferencesResponse> {
        observe("ListPreferences", async {
            let preferences = self.of(&request)?;
            let v1::ListPreferencesRequest { limit, after } = request.into_inner();
            let limit = convert::page(limit)?;
            if after < 0 {
                return Err(Failure::invalid("after must be the former page's next, or 0"));
            }
            let listed = preferences.pairs(after, limit).await?;
            let preferences = listed.items.into_iter().map(preference).collect();
            Ok(v1::ListPreferencesResponse { preferences, next: listed.next })
        })
        .await
    }

    async fn delete_preference(
        &self,
        request: Request<v1::DeletePreferenceRequest>,
    ) -> Answer<v1::DeletePreferenceResponse> {
        observe("DeletePreference", async {
            self.of(&request)?.remove(pair_id(&request.get_ref().id)?).await?;
            Ok(v1::DeletePreferenceResponse {})
        })
        .await
    }

    async fn give_feedback(
        &self,
        request: Request<v1::GiveFeedbackRequest>,
    ) -> Answer<v1::GiveFeedbackResponse> {
        observe("GiveFeedback", async {
            let preferences = self.of(&request)?;
            let request = request.into_inner();
            let hash = hash_of("grpc feedback", format!("{request:?}").as_bytes());
            let key = key(request.idempotency_key.clone(), hash)?;
            let Judged { pairs, at, .. } = preferences.judge(feedback(request)?, key).await?;
            let preferences = pairs.into_iter().map(preference).collect();
            Ok(v1::GiveFeedbackResponse { preferences, created: seconds(at) })
        })
        .await
    }

    async fn get_completion(&self, request: Request<v1::GetCompletionRequest>) -> Answer<v1::KeptCompletion> {
        observe("GetCompletion", async {
            let preferences = self.of(&request)?;
            Ok(kept(preferences.completion(&completion_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    async fn delete_completion(&self, request: Request<v1::DeleteCompletionRequest>) -> Answer<v1::Deleted> {
        observe("DeleteCompletion", async {
            let preferences = self.of(&request)?;
            Ok(deleted(preferences.forget(completion_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    async fn delete_user(&self, request: Request<v1::DeleteUserRequest>) -> Answer<v1::Deleted> {
        observe("DeleteUser", async {
            let preferences = self.of(&request)?;
            let v1::DeleteUserRequest { user } = request.into_inner();
            if user.is_empty() {
                return Err(Failure::invalid("user is missing: whose completions are to be deleted"));
            }
            Ok(deleted(preferences.forget_user(user).await?))
        })
        .await
    }

    async fn import_preferences(
        &self,
        request: Request<Streaming<v1::ImportPreferencesRequest>>,
    ) -> Answer<v1::ImportPreferencesResponse> {
        observe("ImportPreferences", async {
            let preferences = self.of(&request)?;
            self.transfer.import(&preferences, request.into_inner()).await
        })
        .await
    }

    type ExportPreferencesStream = Answers<v1::ExportPreferencesResponse>;

    async fn export_preferences(
        &self,
        request: Request<v1::ExportPreferencesRequest>,
    ) -> Answer<Self::ExportPreferencesStream> {
        observe("ExportPreferences", async {
            let preferences = self.of(&request)?;
            self.transfer.export(&preferences, request.into_inner()).await
        })
        .await
    }
}
