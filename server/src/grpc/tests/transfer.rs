//! Preferences in bulk.

use super::{Bench, of, refused};
use crate::edits::Tenants;
use amend_proto::grpc::v1::{
    self, PreferenceContainer as Container, export_preferences_request::Format,
    preferences_client::PreferencesClient,
};
use futures::{StreamExt, stream};
use tonic::{Code, Streaming, transport::Channel};

fn parts(container: Container, file: &[u8], length: usize) -> Vec<v1::ImportPreferencesRequest> {
    let part =
        |data: &[u8]| v1::ImportPreferencesRequest { container: container.into(), data: data.to_vec() };
    file.chunks(length).map(part).collect()
}

async fn import(
    client: &mut PreferencesClient<Channel>,
    tenant: &str,
    parts: Vec<v1::ImportPreferencesRequest>,
) -> v1::ImportPreferencesResponse {
    client.import_preferences(of(tenant, stream::iter(parts))).await.unwrap().into_inner()
}

async fn file(mut parts: Streaming<v1::ExportPreferencesResponse>) -> (u64, Vec<u8>) {
    let head = parts.message().await.unwrap().unwrap();
    let mut bytes = head.data;
    while let Some(part) = parts.message().await.unwrap() {
        assert_eq!(part.left_out, 0);
        bytes.extend(part.data);
    }
    (head.left_out, bytes)
}

fn export(container: Container, format: Format) -> v1::ExportPreferencesRequest {
    v1::ExportPreferencesRequest { container: container.into(), format: format.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn preferences_go_in_and_come_out_as_files_in_parts() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = PreferencesClient::new(bench.channel.clone());
    let line = |n| format!("{{\"prompt\":\"Is it {n}?\",\"chosen\":\"Yes.\",\"rejected\":\"No.\"}}\n");
    let mut lines: Vec<String> = (0..600).map(line).collect();
    lines.insert(3, "{\"prompt\":\"Is it?\",\"chosen\":\"Yes.\"}\n".to_owned());
    let sent = lines.concat();
    // Cut anywhere, also inside of a line.
    let report = import(&mut client, "acme", parts(Container::JsonLines, sent.as_bytes(), 1_000)).await;
    assert_eq!((report.added, report.unchanged, report.refused), (600, 0, 1));
    let problem = &report.problems[0];
    assert_eq!(problem.place, Some(v1::preference_problem::Place::Line(4)));
    assert_eq!(problem.field.as_deref(), Some("rejected"));
    let again = import(&mut client, "acme", parts(Container::JsonLines, sent.as_bytes(), 7_777)).await;
    assert_eq!((again.added, again.unchanged), (0, 600));

    for (container, format) in [
        (Container::JsonLines, Format::Unspecified),
        (Container::JsonLines, Format::TrlImplicit),
        (Container::Parquet, Format::Unspecified),
        (Container::Parquet, Format::Ultrafeedback),
    ] {
        let answer = client.export_preferences(of("acme", export(container, format))).await.unwrap();
        let (left_out, bytes) = file(answer.into_inner()).await;
        assert_eq!(left_out, 0, "{container:?} {format:?}");
        let other = format!("{container:?}-{format:?}");
        let report = import(&mut client, &other, parts(container, &bytes, 5_000)).await;
        assert_eq!((report.added, report.refused), (600, 0), "{container:?} {format:?}");
    }
    let nobody = client.export_preferences(of("nobody", export(Container::JsonLines, Format::Amend))).await;
    assert_eq!(file(nobody.unwrap().into_inner()).await, (0, Vec::new()), "tenants do not see each other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_taken_is_refused_and_says_why() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = PreferencesClient::new(bench.channel.clone());
    let none = client.import_preferences(stream::iter([])).await;
    assert_eq!(refused(none), (Code::InvalidArgument, "the stream holds no file".to_owned()));
    let (code, message) =
        refused(client.import_preferences(stream::iter(parts(Container::Unspecified, b"{}\n", 9))).await);
    assert!(code == Code::InvalidArgument && message.starts_with("container "), "{message}");
    let broken = client.import_preferences(stream::iter(parts(Container::Parquet, b"no parquet", 9))).await;
    let (code, message) = refused(broken);
    assert!(code == Code::InvalidArgument && message.contains("0 preferences were added"), "{message}");
    let wrong = export(Container::Parquet, Format::Amend);
    let (code, message) = match client.export_preferences(wrong).await {
        Ok(_) => panic!("Parquet does not hold that format"),
        Err(status) => (status.code(), status.message().to_owned()),
    };
    assert!(code == Code::InvalidArgument && message.starts_with("format: "), "{message}");
    let unknown = v1::ExportPreferencesRequest { container: 1, format: 77 };
    assert_eq!(client.export_preferences(unknown).await.map(drop).unwrap_err().code(), Code::InvalidArgument);
    // A client that goes away half-way stores nothing.
    let half = parts(
        Container::JsonLines,
        b"{\"prompt\":\"Is it?\",\"chosen\":\"Yes.\",\"rejected\":\"No.\"}\n",
        99,
    );
    let pending = stream::iter(half).chain(stream::pending());
    let left =
        tokio::time::timeout(std::time::Duration::from_millis(200), client.import_preferences(pending));
    assert!(left.await.is_err());
    let listed = client.list_preferences(v1::ListPreferencesRequest::default()).await.unwrap().into_inner();
    assert!(listed.preferences.is_empty());
}
