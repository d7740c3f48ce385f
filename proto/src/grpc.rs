//! The gRPC services, made of `proto/amend/v1/*.proto`.

/// What [reflection](https://grpc.io/docs/guides/reflection/) serves: the services' descriptors, encoded.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// `amend.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::too_many_lines,
    clippy::allow_attributes_without_reason,
    clippy::cognitive_complexity,
    reason = "generated"
)]
pub mod v1 {
    tonic::include_proto!("amend.v1");
}
