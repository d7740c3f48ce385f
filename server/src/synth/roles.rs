//! The models behind the roles.

use super::config::{EndpointRole, RoleSource, SynthConfig};
use crate::endpoint::{EndpointLimits, EndpointModel};
use amend_proto::{ChatModel, Sampling};
use amend_trainer::{
    atlas::{
        Atlas, AtlasOracle,
        oracle::{AtlasGenerator, AtlasReferee, AtlasWriter},
    },
    bmc::Control,
    synth::ask::{Cast, Endpoint, Part, Role},
};
use async_trait::async_trait;
use futures::FutureExt;
use std::{num::NonZeroUsize, sync::Arc};

/// Opens the models that are neither endpoints nor oracles.
#[async_trait]
pub trait Models: Send + Sync {
    /// A model, and how many requests keep it busy.
    ///
    /// # Errors
    /// When there is none, or it cannot be loaded.
    async fn open(&self, source: &RoleSource) -> anyhow::Result<(Arc<dyn ChatModel>, NonZeroUsize)>;

    /// A model on this machine as a run asks it: as it is, unless users go before the run.
    fn gives_way(&self, model: Arc<dyn ChatModel>, _: &Control) -> Arc<dyn ChatModel> {
        model
    }
}

/// The roles of a run, and those of them that the oracles of atlas play. Roles that name the same model with the same limits
/// share one endpoint.
///
/// # Errors
/// When a model cannot be opened, or a limit makes no sense.
pub async fn cast(
    config: &SynthConfig,
    roles: &[Role],
    (models, control): (&dyn Models, &Control),
    sampling: impl Fn(Role) -> Sampling,
) -> anyhow::Result<(Cast, Vec<Role>)> {
    let (mut cast, mut oracles) = (Cast::new(), Vec::new());
    let mut opened: Vec<(EndpointRole, Arc<Endpoint>)> = Vec::new();
    for role in roles {
        let named = config.role(*role);
        let is_oracle = named.model == RoleSource::AtlasOracle;
        // Every role has an oracle of its own.
        let known = opened.iter().find(|(other, _)| !is_oracle && named.shares_endpoint_with(other));
        let endpoint = match known {
            Some((_, endpoint)) => Arc::clone(endpoint),
            None => Arc::new(open(&named, (*role, roles), (models, control)).await?),
        };
        if is_oracle {
            oracles.push(*role);
        }
        opened.push((named.clone(), Arc::clone(&endpoint)));
        cast = cast.with(*role, Part { endpoint, sampling: named.sampling(sampling(*role)) });
    }
    Ok((cast, oracles))
}

async fn open(
    named: &EndpointRole,
    (role, roles): (Role, &[Role]),
    (models, control): (&dyn Models, &Control),
) -> anyhow::Result<Endpoint> {
    let (model, best): (Arc<dyn ChatModel>, NonZeroUsize) = match &named.model {
        RoleSource::AtlasOracle => (oracle(role, roles.contains(&Role::Author)), NonZeroUsize::MIN),
        RoleSource::Endpoint(name) => {
            let config = name.clone().with_key(named.key_env.clone());
            (Arc::new(EndpointModel::new(config, EndpointLimits::once())?), NonZeroUsize::MIN)
        }
        other => {
            let (model, best) = models.open(other).await?;
            (models.gives_way(model, control), best)
        }
    };
    Ok(Endpoint::new(model, named.settings(best)?, Arc::new(|time| tokio::time::sleep(time).boxed())))
}

/// The rules that play a role; those of WebR read pages.
fn oracle(role: Role, of_pages: bool) -> Arc<dyn ChatModel> {
    let atlas = Atlas::built_in();
    match role {
        Role::Referee => Arc::new(AtlasReferee::new(atlas)),
        Role::Generator => Arc::new(AtlasGenerator::new(atlas)),
        Role::Author | Role::Refiner => Arc::new(AtlasWriter::new(atlas)),
        Role::Teacher if of_pages => Arc::new(AtlasWriter::new(atlas)),
        Role::Teacher | Role::Student => Arc::new(AtlasOracle::new(atlas)),
    }
}
