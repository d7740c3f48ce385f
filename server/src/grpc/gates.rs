//! `amend.v1.Gates`.

use super::{convert::page, observe::observe, status::Failure};
use crate::{gates::Gates as Service, paging::Page};
use amend_proto::{
    GateId,
    grpc::v1::{self, gates_server},
    wire::{GateAction, GateObject, GateOrigin, GateReason, GateRequest, GateState},
};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// The service.
pub(super) struct Gates(pub(super) Service);

fn gate_id(field: &str, id: &str) -> Result<GateId, Failure> {
    GateId::new(id).map_err(|error| Failure::invalid(format!("{field}: {error}")))
}

fn gate(gate: GateObject) -> v1::Gate {
    use v1::gate::State;
    let state = match gate.state {
        GateState::Queued => State::Queued,
        GateState::Running => State::Running,
        GateState::Pass => State::Pass,
        GateState::Fail => State::Fail,
        GateState::Inconclusive => State::Inconclusive,
        GateState::Error => State::Error,
        GateState::Cancelled => State::Cancelled,
    };
    let on_verdict = match gate.on_verdict {
        GateAction::Record => v1::GateAction::Record,
        GateAction::Promote => v1::GateAction::Promote,
        GateAction::RollBack => v1::GateAction::RollBack,
        GateAction::Canary => v1::GateAction::Canary,
    };
    let origin = match gate.origin {
        GateOrigin::Asked => v1::GateOrigin::Asked,
        GateOrigin::Trained => v1::GateOrigin::Trained,
        GateOrigin::Schedule => v1::GateOrigin::Schedule,
    };
    let reason = |GateReason { code, suite, message }| v1::GateReason { code, suite, message };
    v1::Gate {
        id: gate.id.into(),
        candidate: gate.candidate.into(),
        live: gate.live.map(Into::into),
        policy: gate.policy.name,
        policy_fingerprint: gate.policy.fingerprint,
        judges: gate.judges,
        on_verdict: on_verdict.into(),
        state: state.into(),
        reasons: gate.reasons.into_iter().map(reason).collect(),
        decision: gate.decision.map(|decision| decision.to_string()),
        job: gate.job.into(),
        created_at: gate.created_at,
        ended_at: gate.ended_at,
        origin: origin.into(),
    }
}

fn wanted(request: v1::BeginGateRequest) -> Result<GateRequest, Failure> {
    let on_verdict = match v1::GateAction::try_from(request.on_verdict) {
        Ok(v1::GateAction::Unspecified | v1::GateAction::Record) => GateAction::Record,
        Ok(v1::GateAction::Promote) => GateAction::Promote,
        Ok(v1::GateAction::RollBack) => GateAction::RollBack,
        Ok(v1::GateAction::Canary) => GateAction::Canary,
        Err(_) => {
            return Err(Failure::invalid("on_verdict has a value that this server does not know"));
        }
    };
    let v1::BeginGateRequest { candidate, policy, on_verdict: _, reuse, against } = request;
    Ok(GateRequest { candidate, against, policy, on_verdict, reuse })
}

#[tonic::async_trait]
impl gates_server::Gates for Gates {
    async fn begin_gate(&self, request: Request<v1::BeginGateRequest>) -> Answer<v1::Gate> {
        observe("BeginGate", async {
            Ok(gate(self.0.begin(wanted(request.into_inner())?).await?.into_gate()))
        })
        .await
    }

    async fn get_gate(&self, request: Request<v1::GetGateRequest>) -> Answer<v1::Gate> {
        observe("GetGate", async { Ok(gate(self.0.get(&gate_id("id", &request.get_ref().id)?).await?)) })
            .await
    }

    async fn list_gates(&self, request: Request<v1::ListGatesRequest>) -> Answer<v1::ListGatesResponse> {
        observe("ListGates", async {
            let v1::ListGatesRequest { limit, after } = request.into_inner();
            let limit = page(limit)?;
            let after = (!after.is_empty()).then(|| gate_id("after", &after)).transpose()?;
            let page = Page::of(self.0.list(after.as_ref(), limit + 1).await?, limit);
            Ok(v1::ListGatesResponse {
                next: page.next(|last| last.id.clone().into()).unwrap_or_default(),
                gates: page.items.into_iter().map(gate).collect(),
            })
        })
        .await
    }
}
