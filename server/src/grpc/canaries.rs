//! `amend.v1.Canaries`.

use super::{convert::page, observe::observe, status::Failure};
use crate::{canary::Canaries as Service, paging::Page};
use amend_proto::{
    CanaryId, RevisionId,
    grpc::v1::{self, canaries_server},
    wire::{CanaryArm, CanaryEnd, CanaryObject, CanaryRequest, CanaryState, ENOUGH_CANARY_ANSWERS},
};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub(super) struct Canaries(pub(super) Service);

fn canary_id(field: &str, id: &str) -> Result<CanaryId, Failure> {
    CanaryId::new(id).map_err(|error| Failure::invalid(format!("{field}: {error}")))
}

fn arm(arm: CanaryArm) -> v1::CanaryArm {
    let CanaryArm { ended, failed, timed, slow, judged, disliked } = arm;
    v1::CanaryArm { ended, failed, timed, slow, judged, disliked }
}

fn canary(canary: CanaryObject) -> v1::Canary {
    use v1::canary::State;
    let state = match canary.state {
        CanaryState::Running => State::Running,
        CanaryState::Passed => State::Passed,
        CanaryState::Promoted => State::Promoted,
        CanaryState::Aborted => State::Aborted,
        CanaryState::Stopped => State::Stopped,
        CanaryState::Superseded => State::Superseded,
    };
    let then = match canary.then {
        CanaryEnd::Hold => v1::CanaryEnd::Hold,
        CanaryEnd::Promote => v1::CanaryEnd::Promote,
    };
    v1::Canary {
        id: canary.id.into(),
        candidate: canary.candidate.into(),
        live: canary.live.into(),
        share: canary.share,
        answers: canary.answers,
        then: then.into(),
        gate: canary.gate.map(Into::into),
        state: state.into(),
        reason: canary.reason,
        of_live: Some(arm(canary.of_live)),
        of_candidate: Some(arm(canary.of_candidate)),
        created_at: canary.created_at,
        ended_at: canary.ended_at,
    }
}

fn wanted(request: v1::BeginCanaryRequest) -> Result<CanaryRequest, Failure> {
    let then = match v1::CanaryEnd::try_from(request.then) {
        Ok(v1::CanaryEnd::Unspecified | v1::CanaryEnd::Hold) => CanaryEnd::Hold,
        Ok(v1::CanaryEnd::Promote) => CanaryEnd::Promote,
        Err(_) => return Err(Failure::invalid("then has a value that this server does not know")),
    };
    let v1::BeginCanaryRequest { candidate, share, answers, then: _, force, expected_live } = request;
    let live = |id: String| {
        RevisionId::new(&id).map_err(|error| Failure::invalid(format!("expected_live: {error}")))
    };
    Ok(CanaryRequest {
        candidate,
        share,
        answers: answers.unwrap_or(ENOUGH_CANARY_ANSWERS),
        then,
        force,
        expected_live: expected_live.map(live).transpose()?,
    })
}

#[tonic::async_trait]
impl canaries_server::Canaries for Canaries {
    async fn begin_canary(&self, request: Request<v1::BeginCanaryRequest>) -> Answer<v1::Canary> {
        observe("BeginCanary", async { Ok(canary(self.0.begin(wanted(request.into_inner())?).await?)) }).await
    }

    async fn get_canary(&self, request: Request<v1::GetCanaryRequest>) -> Answer<v1::Canary> {
        observe("GetCanary", async {
            Ok(canary(self.0.get(&canary_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    async fn stop_canary(&self, request: Request<v1::StopCanaryRequest>) -> Answer<v1::Canary> {
        observe("StopCanary", async {
            Ok(canary(self.0.stop(&canary_id("id", &request.get_ref().id)?).await?))
        })
        .await
    }

    async fn list_canaries(
        &self,
        request: Request<v1::ListCanariesRequest>,
    ) -> Answer<v1::ListCanariesResponse> {
        observe("ListCanaries", async {
            let v1::ListCanariesRequest { limit, after } = request.into_inner();
            let limit = page(limit)?;
            let after = (!after.is_empty()).then(|| canary_id("after", &after)).transpose()?;
            let page = Page::of(self.0.list(after.as_ref(), limit + 1).await?, limit);
            Ok(v1::ListCanariesResponse {
                next: page.next(|last| last.id.clone().into()).unwrap_or_default(),
                canaries: page.items.into_iter().map(canary).collect(),
            })
        })
        .await
    }
}
