//! Preferences in bulk, as files in parts.

use super::{
    status::Failure,
    stream::{Answers, told, until_cut},
};
use crate::{
    http::Lifecycle,
    preferences::{Imported, PreferenceError, TenantPreferences, Unread},
};
use amend_proto::grpc::v1;
use amend_trainer::preference::format::{Container, Layout, Place};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::{io, time::Duration};
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;
use tonic::{Status, Streaming};

/// Most imports at a time, as over HTTP.
const MAX_IMPORTS: usize = 8;
/// Bytes of one part of an export.
const PART: usize = 64 << 10;

/// What files go through.
pub(super) struct Transfer {
    lifecycle: Lifecycle,
    imports: Semaphore,
    /// How long an import may pause.
    patience: Duration,
}

fn container(said: i32) -> Result<Container, Failure> {
    match v1::PreferenceContainer::try_from(said) {
        Ok(v1::PreferenceContainer::JsonLines) => Ok(Container::JsonLines),
        Ok(v1::PreferenceContainer::Parquet) => Ok(Container::Parquet),
        Ok(v1::PreferenceContainer::Unspecified) | Err(_) => {
            Err(Failure::invalid("container must be JSON lines or Parquet"))
        }
    }
}

fn layout(said: i32, container: Container) -> Result<Layout, Failure> {
    use v1::export_preferences_request::Format;
    match (Format::try_from(said), container) {
        (Ok(Format::Unspecified), Container::JsonLines) | (Ok(Format::Amend), _) => Ok(Layout::Amend),
        (Ok(Format::Unspecified), Container::Parquet) | (Ok(Format::Trl), _) => Ok(Layout::TrlConversational),
        (Ok(Format::TrlImplicit), _) => Ok(Layout::TrlImplicit),
        (Ok(Format::TrlPlain), _) => Ok(Layout::TrlPlain),
        (Ok(Format::Ultrafeedback), _) => Ok(Layout::UltraFeedback),
        (Err(_), _) => Err(Failure::invalid("format has a value that this server does not know")),
    }
}

fn problem(unread: Unread) -> v1::PreferenceProblem {
    use v1::preference_problem::Place as At;
    let Unread { place, field, reason } = unread;
    let place = match place {
        Place::Line(line) => At::Line(line),
        Place::Row(row) => At::Row(row),
    };
    v1::PreferenceProblem { place: Some(place), field: Some(field).filter(|field| !field.is_empty()), reason }
}

impl Transfer {
    pub(super) fn new(lifecycle: Lifecycle, patience: Duration) -> Self {
        Self { lifecycle, imports: Semaphore::new(MAX_IMPORTS), patience }
    }

    pub(super) async fn import(
        &self,
        preferences: &TenantPreferences,
        mut parts: Streaming<v1::ImportPreferencesRequest>,
    ) -> Result<v1::ImportPreferencesResponse, Failure> {
        let Ok(_permit) = self.imports.try_acquire() else {
            let message = "too many imports are under way; send this one again later";
            return Err(Failure { status: Status::resource_exhausted(message), causes: None });
        };
        let late = || PreferenceError::Input(io::ErrorKind::TimedOut.into());
        let first = tokio::time::timeout(self.patience, parts.message()).await.map_err(|_| late())?;
        let first = first.map_err(|status| Failure { status, causes: None })?;
        let first = first.ok_or_else(|| Failure::invalid("the stream holds no file"))?;
        let container = container(first.container)?;
        let rest = tokio_stream::StreamExt::timeout(parts, self.patience).map(|part| match part {
            Ok(part) => part.map(|part| part.data).map_err(io::Error::other),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        });
        let all = stream::once(async { Ok(first.data) }).chain(rest).map_ok(Bytes::from);
        let file = preferences.receive(all).await?;
        let Imported { added, unchanged, refused, problems } = preferences.import(file, container).await?;
        let problems = problems.into_iter().map(problem).collect();
        Ok(v1::ImportPreferencesResponse { added, unchanged, refused, problems })
    }

    pub(super) async fn export(
        &self,
        preferences: &TenantPreferences,
        request: v1::ExportPreferencesRequest,
    ) -> Result<Answers<v1::ExportPreferencesResponse>, Failure> {
        let container = container(request.container)?;
        let layout = layout(request.format, container)?;
        let (file, report) = preferences.export(layout, container).await?;
        let left_out = report.unfit.values().sum();
        let head = v1::ExportPreferencesResponse { left_out, data: Vec::new() };
        let part = |data: Bytes| v1::ExportPreferencesResponse { left_out: 0, data: data.into() };
        let parts = ReaderStream::with_capacity(tokio::fs::File::from_std(file), PART).map_ok(part);
        let parts = parts.map_err(|error| told("ExportPreferences", PreferenceError::Spool(error)));
        Ok(until_cut(&self.lifecycle, stream::once(async { Ok(head) }).chain(parts)))
    }
}
