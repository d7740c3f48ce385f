//! `amend.v1.Revisions`.

use super::{convert::page, observe::observe, status::Failure};
use crate::{
    paging::Page,
    revisions::{Promotion, Revision, Revisions as Registry},
};
use amend_proto::{
    RevisionId,
    grpc::v1::{self, revisions_server},
    wire::{PromoteRequest, RevisionKind, RevisionProvenance, RevisionState},
};
use serde_json::Value;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub(super) struct Revisions(pub(super) Registry);

fn revision_id(field: &str, id: &str) -> Result<RevisionId, Failure> {
    RevisionId::new(id).map_err(|error| Failure::invalid(format!("{field}: {error}")))
}

fn expected(live: Option<&str>) -> Result<Option<RevisionId>, Failure> {
    live.map(|id| revision_id("expected_live", id)).transpose()
}

fn provenance(from: RevisionProvenance) -> v1::RevisionProvenance {
    let RevisionProvenance { parent, model, content, data, sources, job, config, metrics, code_version } =
        from;
    let json = |value: Value| value.to_string();
    v1::RevisionProvenance {
        parent: parent.map(Into::into),
        model,
        content,
        data,
        sources,
        job: job.map(Into::into),
        config: config.map(json),
        metrics: metrics.map(json),
        code_version,
    }
}

fn revision(revision: Revision) -> v1::Revision {
    use v1::revision::{Kind, State};
    let kind = match revision.kind {
        RevisionKind::Base => Kind::Base,
        RevisionKind::Trained => Kind::Trained,
    };
    let state = match revision.state {
        RevisionState::Candidate => State::Candidate,
        RevisionState::Gated => State::Gated,
        RevisionState::Live => State::Live,
        RevisionState::Retired => State::Retired,
        RevisionState::Rejected => State::Rejected,
    };
    v1::Revision {
        id: revision.id.into(),
        kind: kind.into(),
        state: state.into(),
        created_at: revision.created_at,
        provenance: Some(provenance(revision.provenance)),
    }
}

fn switched(done: Promotion) -> v1::RevisionSwitch {
    let Promotion { from, to, at, load } = done;
    v1::RevisionSwitch { from: from.into(), to: to.into(), at, load_seconds: load.as_secs_f64() }
}

#[tonic::async_trait]
impl revisions_server::Revisions for Revisions {
    async fn list_revisions(
        &self,
        request: Request<v1::ListRevisionsRequest>,
    ) -> Answer<v1::ListRevisionsResponse> {
        observe("ListRevisions", async {
            let v1::ListRevisionsRequest { limit, after } = request.into_inner();
            let limit = page(limit)?;
            let after = (!after.is_empty()).then(|| revision_id("after", &after)).transpose()?;
            let page = Page::of(self.0.list(after.as_ref(), limit + 1).await?, limit);
            Ok(v1::ListRevisionsResponse {
                next: page.next(|last| last.id.clone().into()).unwrap_or_default(),
                revisions: page.items.into_iter().map(revision).collect(),
                live: self.0.live().await?.id.into(),
            })
        })
        .await
    }

    async fn get_revision(&self, request: Request<v1::GetRevisionRequest>) -> Answer<v1::Revision> {
        observe("GetRevision", async {
            Ok(revision(self.0.get(&revision_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    async fn promote_revision(
        &self,
        request: Request<v1::PromoteRevisionRequest>,
    ) -> Answer<v1::RevisionSwitch> {
        observe("PromoteRevision", async {
            let v1::PromoteRevisionRequest { id, force, expected_live } = request.into_inner();
            let expected_live = expected(expected_live.as_deref())?;
            let asked = PromoteRequest { force, expected_live };
            Ok(switched(self.0.promote(revision_id("id", &id)?, asked).await?))
        })
        .await
    }

    async fn roll_back_revision(
        &self,
        request: Request<v1::RollBackRevisionRequest>,
    ) -> Answer<v1::RevisionSwitch> {
        observe("RollBackRevision", async {
            let expected_live = expected(request.get_ref().expected_live.as_deref())?;
            Ok(switched(self.0.roll_back(expected_live).await?))
        })
        .await
    }

    async fn retire_revision(&self, request: Request<v1::RetireRevisionRequest>) -> Answer<v1::Revision> {
        observe("RetireRevision", async {
            Ok(revision(self.0.retire(&revision_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }
}
