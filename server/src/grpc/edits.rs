//! `amend.v1.Edits`.

use super::{
    convert,
    observe::observe,
    status::Failure,
    stream::{Answers, told, until_cut},
};
use crate::{
    edits::{self, EditService, MAX_CONSIDERED, TENANT_HEADER},
    http::{Lifecycle, Phase},
};
use amend_editor::{
    AddEdits, Edit, EditError, ImportOptions, ListAfter, NewEdit, Page, RestoreEdit, RetireEdit, RollBack,
    Seq, SupersedeEdit, TenantEditor, Timestamp,
};
use amend_proto::{
    TenantId,
    grpc::v1::{self, edits_server},
    wire::RequestLimits,
};
use futures::{StreamExt, TryStreamExt};
use std::{io, time::Duration};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming};

/// Most imports at a time, as over HTTP.
const MAX_IMPORTS: usize = 8;
type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub(super) struct Edits {
    service: EditService,
    lifecycle: Lifecycle,
    imports: Semaphore,
    patience: Duration,
}

impl Edits {
    /// An import may pause for as long as `patience`.
    pub(super) fn new(service: EditService, lifecycle: Lifecycle, patience: Duration) -> Self {
        Self { service, lifecycle, imports: Semaphore::new(MAX_IMPORTS), patience }
    }

    /// The edits that a call is about.
    fn editor<T>(&self, request: &Request<T>) -> Result<TenantEditor, Failure> {
        let names = request.metadata().get_all(TENANT_HEADER);
        let names: Vec<&[u8]> = names.iter().map(|value| value.as_encoded_bytes()).collect();
        Ok(self.service.of(self.service.tenant(names)?))
    }

    /// Whose scope settings are meant; `None` is all tenants.
    fn whose<T>(&self, request: &Request<T>, of: v1::ScopeOf) -> Result<Option<TenantId>, Failure> {
        match of {
            v1::ScopeOf::AllTenants => Ok(None),
            v1::ScopeOf::Unspecified => self.editor(request).map(|editor| Some(editor.id().clone())),
        }
    }

    fn now(&self) -> Timestamp {
        self.service.editor().now()
    }

    async fn import_stream(
        &self,
        editor: TenantEditor,
        mut requests: Streaming<v1::ImportRequest>,
    ) -> Result<v1::ImportResponse, Failure> {
        let Ok(_permit) = self.imports.try_acquire() else {
            return Err(Failure {
                status: Status::resource_exhausted(
                    "too many imports are under way; send this one again later",
                ),
                causes: None,
            });
        };
        let first = tokio::time::timeout(self.patience, requests.message()).await;
        let first =
            first.map_err(|_| Failure::from(EditError::Input { source: io::ErrorKind::TimedOut.into() }))?;
        let Some(first) = first.map_err(broken)? else {
            return Err(Failure::invalid("the stream holds no edit"));
        };
        let options = ImportOptions {
            on_conflict: convert::on_conflict(first.on_conflict)?,
            by: convert::by(first.author.clone(), first.reason.clone()),
        };
        let rest = tokio_stream::StreamExt::timeout(requests, self.patience).map(|request| match request {
            Ok(request) => request.map_err(io::Error::other),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        });
        let all = futures::stream::once(async { Ok(first) }).chain(rest);
        let edits = all.map(|request: io::Result<_>| request.map(importable));
        let report = editor.import_edits(Box::pin(edits), options).await?;
        Ok(convert::import(report))
    }
}

/// What cannot be an edit is a problem at its place.
fn importable(request: v1::ImportRequest) -> Result<NewEdit, EditError> {
    let edit = request.edit.unwrap_or_default();
    convert::new_edit("edit", edit).map_err(|failure| EditError::InvalidEdit {
        param: "edit".to_owned(),
        reason: format!("cannot be read: {}", failure.status.message()),
    })
}

/// The client's stream broke off, or held what is no message.
fn broken(status: Status) -> Failure {
    Failure { status, causes: None }
}

#[tonic::async_trait]
impl edits_server::Edits for Edits {
    async fn add(&self, request: Request<v1::AddRequest>) -> Answer<v1::AddResponse> {
        observe("Add", async {
            let editor = self.editor(&request)?;
            let v1::AddRequest { edits, idempotency_key, on_conflict } = request.into_inner();
            let on_conflict = convert::on_conflict(on_conflict)?;
            let edits = (0..).zip(edits).map(|(at, edit)| convert::new_edit(&format!("edits[{at}]"), edit));
            let edits = edits.collect::<Result<_, _>>()?;
            let added = editor.add(AddEdits { edits, idempotency_key, on_conflict }).await?;
            let now = self.now();
            Ok(v1::AddResponse {
                edits: added.edits.into_iter().map(|edit| convert::edit(edit, now)).collect(),
                conflicts: added.conflicts.into_iter().map(convert::conflict).collect(),
            })
        })
        .await
    }

    async fn supersede(&self, request: Request<v1::SupersedeRequest>) -> Answer<v1::WriteResponse> {
        observe("Supersede", async {
            let editor = self.editor(&request)?;
            let v1::SupersedeRequest { id, content, seen, on_conflict } = request.into_inner();
            let content = convert::content("content", content)?;
            let mut wanted = SupersedeEdit::new(convert::id("id", &id)?, content)
                .on_conflict(convert::on_conflict(on_conflict)?);
            wanted.seen = seen.map(|seen| convert::seq("seen", seen)).transpose()?;
            Ok(convert::written(editor.supersede(wanted).await?, self.now()))
        })
        .await
    }

    async fn retire(&self, request: Request<v1::RetireRequest>) -> Answer<v1::WriteResponse> {
        observe("Retire", async {
            let editor = self.editor(&request)?;
            let v1::RetireRequest { id, author, reason } = request.into_inner();
            let (id, by) = (convert::id("id", &id)?, convert::by(author, reason));
            let edit = editor.retire(RetireEdit { id, by }).await?;
            let edit = Some(convert::edit_with(edit, amend_editor::Status::Retired));
            Ok(v1::WriteResponse { edit, conflicts: Vec::new() })
        })
        .await
    }

    async fn restore(&self, request: Request<v1::RestoreRequest>) -> Answer<v1::WriteResponse> {
        observe("Restore", async {
            let editor = self.editor(&request)?;
            let v1::RestoreRequest { id, version, author, reason } = request.into_inner();
            let version = version.map(|version| convert::seq("version", version)).transpose()?;
            let (id, by) = (convert::id("id", &id)?, convert::by(author, reason));
            Ok(convert::written(editor.restore(RestoreEdit { id, version, by }).await?, self.now()))
        })
        .await
    }

    async fn roll_back(&self, request: Request<v1::RollBackRequest>) -> Answer<v1::RollBackResponse> {
        observe("RollBack", async {
            let editor = self.editor(&request)?;
            let v1::RollBackRequest { to, author, reason } = request.into_inner();
            let wanted = RollBack { to: convert::seq("to", to)?, by: convert::by(author, reason) };
            Ok(convert::rolled_back(editor.roll_back(wanted).await?))
        })
        .await
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Answer<v1::GetResponse> {
        observe("Get", async {
            let editor = self.editor(&request)?;
            let v1::GetRequest { id, as_of } = request.into_inner();
            let id = convert::id("id", &id)?;
            let found = match as_of {
                None => editor.find(&id).await?.map(|known| v1::GetResponse {
                    edit: Some(convert::edit_with(known.edit, known.status)),
                    superseded_by: known.superseded_by.map(Into::into),
                }),
                Some(seq) => {
                    let edit =
                        editor.get_as_of(&id, convert::seq("as_of", seq)?).await.map_err(edits::as_of)?;
                    let now = self.now();
                    edit.map(|found| v1::GetResponse {
                        edit: Some(convert::edit(found, now)),
                        superseded_by: None,
                    })
                }
            };
            found.ok_or_else(|| EditError::NotFound { id }.into())
        })
        .await
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Answer<v1::ListResponse> {
        observe("List", async {
            let editor = self.editor(&request)?;
            let v1::ListRequest { limit, after, as_of } = request.into_inner();
            let limit = convert::limit(limit);
            let (edits, next) = match as_of {
                None => {
                    let after = convert::list_after(&after)?;
                    let listed = editor.list(Page { limit, after }).await?;
                    (listed.edits, listed.next.map(|next| ListAfter::from(next).to_string()))
                }
                Some(seq) => {
                    let (seq, after) = (convert::seq("as_of", seq)?, convert::after_seq(&after)?);
                    let past = editor.state_as_of(seq, after, limit).await.map_err(edits::as_of)?;
                    (past.edits, past.next.map(|next| next.to_string()))
                }
            };
            let now = self.now();
            let edits = edits.into_iter().map(|edit: Edit| convert::edit(edit, now)).collect();
            Ok(v1::ListResponse { edits, next: next.unwrap_or_default() })
        })
        .await
    }

    async fn log(&self, request: Request<v1::LogRequest>) -> Answer<v1::LogResponse> {
        observe("Log", async {
            let editor = self.editor(&request)?;
            let v1::LogRequest { limit, after, edit } = request.into_inner();
            let (after, limit) = (convert::seq("after", after)?, convert::limit(limit));
            let part = match edit {
                Some(id) => editor.history(&convert::id("edit", &id)?, after, limit).await?,
                None => editor.operations(after, limit).await?,
            };
            let now = self.now();
            let operations = part.operations.into_iter().map(|entry| convert::operation(entry, now));
            Ok(v1::LogResponse { operations: operations.collect(), next: part.next.map(Seq::get) })
        })
        .await
    }

    async fn diff(&self, request: Request<v1::DiffRequest>) -> Answer<v1::DiffResponse> {
        observe("Diff", async {
            let editor = self.editor(&request)?;
            let v1::DiffRequest { from, to, limit, after } = request.into_inner();
            let to = to.map(|to| convert::seq("to", to)).transpose()?;
            let to = to.unwrap_or_else(|| self.service.editor().last_seq());
            let between = (convert::seq("from", from)?, to);
            let after = (!after.is_empty()).then(|| convert::id("after", &after)).transpose()?;
            let found = editor.diff(between, after.as_ref(), convert::limit(limit)).await?;
            let now = self.now();
            let differences = found.differences.into_iter().map(|one| convert::difference(one, now));
            let next = found.next.map(String::from).unwrap_or_default();
            Ok(v1::DiffResponse { differences: differences.collect(), next })
        })
        .await
    }

    async fn conflicts(&self, request: Request<v1::ConflictsRequest>) -> Answer<v1::ConflictsResponse> {
        observe("Conflicts", async {
            let editor = self.editor(&request)?;
            let v1::ConflictsRequest { limit, after } = request.into_inner();
            let (after, limit) = (convert::seq("after", after)?, convert::limit(limit));
            let found = tokio::task::spawn_blocking(move || editor.conflicts(after, limit));
            let found = found.await.map_err(Failure::internal)??;
            let pairs = found.conflicts.into_iter().flat_map(|one| one.conflicts);
            let conflicts = pairs.map(convert::conflict).collect();
            Ok(v1::ConflictsResponse { conflicts, next: found.next.map(Seq::get) })
        })
        .await
    }

    async fn preview(&self, request: Request<v1::PreviewRequest>) -> Answer<v1::PreviewResponse> {
        observe("Preview", async {
            let editor = self.editor(&request)?;
            let v1::PreviewRequest { messages, explain } = request.into_inner();
            let most = RequestLimits::default().max_messages;
            if messages.is_empty() || messages.len() > most {
                return Err(Failure::invalid(format!("messages must hold 1 to {most} messages")));
            }
            let messages =
                messages.into_iter().enumerate().map(|(at, message)| convert::message(at, message));
            let messages = messages.collect::<Result<Vec<_>, _>>()?;
            let why = match explain {
                true => Some(editor.explain_async(messages.clone(), MAX_CONSIDERED).await?),
                false => None,
            };
            Ok(convert::preview(editor.preview_async(messages).await?, why))
        })
        .await
    }

    async fn get_scope(&self, request: Request<v1::GetScopeRequest>) -> Answer<v1::ScopeSettings> {
        observe("GetScope", async {
            let whose = self.whose(&request, request.get_ref().of())?;
            Ok(convert::scope(self.service.editor().scope_settings(whose.as_ref()).unwrap_or_default()))
        })
        .await
    }

    async fn set_scope(&self, request: Request<v1::SetScopeRequest>) -> Answer<v1::ScopeSettings> {
        observe("SetScope", async {
            let whose = self.whose(&request, request.get_ref().of())?;
            let settings = convert::scope_settings(request.into_inner().settings.unwrap_or_default())?;
            let editor = self.service.editor();
            editor.set_scope(whose.clone(), settings).await?;
            Ok(convert::scope(editor.scope_settings(whose.as_ref()).unwrap_or_default()))
        })
        .await
    }

    async fn import(&self, request: Request<Streaming<v1::ImportRequest>>) -> Answer<v1::ImportResponse> {
        observe("Import", async {
            let editor = self.editor(&request)?;
            self.import_stream(editor, request.into_inner()).await
        })
        .await
    }

    type ExportStream = Answers<v1::Edit>;

    async fn export(&self, request: Request<v1::ExportRequest>) -> Answer<Self::ExportStream> {
        observe("Export", async {
            let editor = self.editor(&request)?;
            let seq = request.into_inner().as_of.map(|seq| convert::seq("as_of", seq)).transpose()?;
            let (edits, now) = (editor.edits_as_of(seq).map_err(edits::as_of)?, self.now());
            let edits = edits.map_ok(move |edit| convert::edit(edit, now));
            Ok(until_cut(&self.lifecycle, edits.map_err(|error| told("Export", error))))
        })
        .await
    }

    type WatchStream = Answers<v1::Operation>;

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Answer<Self::WatchStream> {
        observe("Watch", async {
            let editor = self.editor(&request)?;
            let watch = editor.watch(convert::seq("after", request.into_inner().after)?)?;
            let service = self.service.clone();
            let entries = watch.map_ok(move |entry| convert::operation(entry, service.editor().now()));
            let entries = entries.map_err(|error| told("Watch", error));
            let draining = self.lifecycle.clone();
            let end = async move { draining.reached(Phase::Draining).await };
            let last = futures::stream::once(async { Err(Failure::going_down().status) });
            Ok(entries.take_until(end).chain(last).boxed())
        })
        .await
    }
}
