//! The gRPC API: `amend.v1.Edits`, `Preferences`, `Jobs`, `Gates`, `Canaries` and `Revisions` over the same services as the HTTP routes, with
//! health and reflection.
//!
//! [`serve`] puts it on a listener of its own. `proto/amend/v1/*.proto` say what the calls do.

mod canaries;
mod convert;
mod edits;
mod gates;
mod incoming;
mod jobs;
mod observe;
mod preferences;
mod revisions;
mod status;
mod stream;
#[cfg(test)]
mod tests;
mod transfer;

use crate::{
    edits::EditService,
    http::{Lifecycle, Phase, ServeLimits},
    learning::Learning,
    preferences::PreferenceService,
};
use amend_proto::grpc::{
    DESCRIPTORS,
    v1::{
        canaries_server::CanariesServer, edits_server::EditsServer, gates_server::GatesServer,
        jobs_server::JobsServer, preferences_server::PreferencesServer, revisions_server::RevisionsServer,
    },
};
use canaries::Canaries;
use edits::Edits;
use gates::Gates;
use jobs::Jobs;
use preferences::Preferences;
use revisions::Revisions;
use std::{io, time::Duration};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::HealthReporter};
use transfer::Transfer;

/// The longest message that is read or written: a thousand edits in their longest form are 23 MB.
const MAX_MESSAGE_BYTES: usize = 32 << 20;
/// Most calls of one connection at a time; further ones wait in the client.
const MAX_STREAMS: u32 = 128;
/// A connection that says nothing for this long is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The services' names in the health checks; the empty name stands for the whole server.
const SERVICES: [&str; 6] = [
    "amend.v1.Canaries",
    "amend.v1.Edits",
    "amend.v1.Gates",
    "amend.v1.Jobs",
    "amend.v1.Preferences",
    "amend.v1.Revisions",
];

/// What is served.
#[derive(Clone)]
pub struct Services {
    /// What is edited.
    pub edits: EditService,
    /// What users prefer.
    pub preferences: PreferenceService,
    /// How it gets better.
    pub learning: Learning,
}

/// Why gRPC is not served.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The descriptors of the services cannot be read.
    #[error("failed to set up gRPC reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The listener broke.
    #[error("failed to serve gRPC")]
    Serve(#[from] tonic::transport::Error),
    /// The listener has no address.
    #[error("failed to serve gRPC")]
    Listener(#[from] io::Error),
}

/// Serves on `listener` until `lifecycle` drains; calls that are under way then have until it cuts.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    lifecycle: Lifecycle,
    limits: ServeLimits,
) -> Result<(), GrpcError> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "gRPC is listening");
    let (health, health_service) = tonic_health::server::health_reporter();
    let reporting = tokio::spawn(report(health, lifecycle.clone()));
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let Services { edits, preferences, learning } = services;
    let revisions = RevisionsServer::new(Revisions(learning.revisions.clone()));
    let canaries = CanariesServer::new(Canaries(learning.canaries.clone()));
    let gates = GatesServer::new(Gates(learning.gates.clone()));
    let jobs = JobsServer::new(Jobs { learning, lifecycle: lifecycle.clone() });
    let transfer = Transfer::new(lifecycle.clone(), limits.read_stall);
    let preferences = PreferencesServer::new(Preferences::new(preferences, edits.clone(), transfer))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let edits = EditsServer::new(Edits::new(edits, lifecycle.clone(), limits.read_stall))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let draining = lifecycle.clone();
    let serving = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_max_header_list_size(u32::try_from(limits.max_header_bytes).unwrap_or(u32::MAX))
        .add_service(health_service)
        .add_service(reflection().build_v1()?)
        // What grpcurl before 1.8.8 and Python's grpcio-reflection ask for.
        .add_service(reflection().build_v1alpha()?)
        .add_service(edits)
        .add_service(preferences)
        .add_service(jobs)
        .add_service(gates)
        .add_service(canaries)
        .add_service(revisions)
        .serve_with_incoming_shutdown(incoming::connections(listener, limits), async move {
            draining.reached(Phase::Draining).await;
        });
    let served = tokio::select! {
        served = serving => served,
        () = lifecycle.reached(Phase::Cutting) => Ok(()),
    };
    reporting.abort();
    Ok(served?)
}

/// The services can be asked from the first moment on; the server as a whole is healthy when its model is there.
async fn report(health: HealthReporter, lifecycle: Lifecycle) {
    for service in SERVICES {
        health.set_service_status(service, ServingStatus::Serving).await;
    }
    health.set_service_status("", ServingStatus::NotServing).await;
    lifecycle.reached(Phase::Ready).await;
    if lifecycle.phase() == Phase::Ready {
        health.set_service_status("", ServingStatus::Serving).await;
    }
    lifecycle.reached(Phase::Draining).await;
    for service in [""].into_iter().chain(SERVICES) {
        health.set_service_status(service, ServingStatus::NotServing).await;
    }
}
