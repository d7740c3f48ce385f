//! The service through a socket, with the client that tonic makes of the same description.

mod learning;
mod transfer;

use super::{SERVICES, Services, serve};
use crate::{
    edits::{EditService, TENANT_HEADER, Tenants},
    http::{Lifecycle, ServeLimits},
    learning::Learning,
    preferences::{PreferenceService, PreferenceSettings},
};
use amend_editor::{Editor, EditorOptions};
use amend_proto::{
    TenantId,
    grpc::v1::{self, edits_client::EditsClient, preferences_client::PreferencesClient},
    testing::ScriptedModel,
};
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};
use tonic::{Code, Request, Status, transport::Channel};

struct Bench {
    client: EditsClient<Channel>,
    channel: Channel,
    lifecycle: Lifecycle,
    editor: Editor,
    learning: Learning,
    serving: JoinHandle<Result<(), super::GrpcError>>,
    data: TempDir,
}

impl Bench {
    async fn new(tenants: Tenants) -> Self {
        let data = TempDir::new().unwrap();
        let editor = Editor::open(EditorOptions::new(data.path().join("amend.db"))).await.unwrap();
        let edits = EditService::new(editor.clone(), Arc::new(ScriptedModel::echo()), tenants);
        let service = services(edits, &data).await;
        let learning = service.learning.clone();
        let (lifecycle, listener) = (Lifecycle::starting(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(serve(listener, service, lifecycle.clone(), ServeLimits::default()));
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        let client = EditsClient::new(channel.clone());
        Self { client, channel, lifecycle, editor, learning, serving, data }
    }

    fn client(&self) -> EditsClient<Channel> {
        self.client.clone()
    }
}

async fn services(edits: EditService, data: &TempDir) -> Services {
    let learning = Learning::scripted(data.path(), ScriptedModel::echo()).await;
    let (ledger, settings) = (learning.ledger.clone(), PreferenceSettings::default());
    let preferences = PreferenceService::open(ledger, settings, data.path()).await.unwrap();
    Services { edits, preferences, learning }
}

fn of<T>(tenant: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(TENANT_HEADER, tenant.parse().unwrap());
    request
}

fn edit(id: &str, text: &str) -> v1::NewEdit {
    let content = v1::Content { text: text.to_owned(), ..v1::Content::default() };
    v1::NewEdit { id: Some(id.to_owned()), content: Some(content) }
}

fn add(edits: Vec<v1::NewEdit>) -> v1::AddRequest {
    v1::AddRequest { edits, ..v1::AddRequest::default() }
}

fn ask(question: &str) -> v1::PreviewRequest {
    let role = v1::message::Role::User.into();
    v1::PreviewRequest { messages: vec![v1::Message { role, content: question.to_owned() }], explain: false }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn an_edit_lives_and_its_log_tells_how() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = bench.client();
    let full = v1::NewEdit {
        id: Some("capital".to_owned()),
        content: Some(v1::Content {
            text: "The capital of France is Lyon.".to_owned(),
            subject: Some("France".to_owned()),
            relation: Some("capital".to_owned()),
            object: Some("Lyon".to_owned()),
            aliases: vec!["the French Republic".to_owned()],
            source: Some("a letter".to_owned()),
            author: Some("ann".to_owned()),
            ..v1::Content::default()
        }),
    };
    let added = client.add(add(vec![full.clone()])).await.unwrap().into_inner();
    let stored = &added.edits[0];
    assert_eq!((stored.content.clone(), stored.status()), (full.content, v1::Status::Live));
    let preview = client.preview(ask("What is the capital of France?")).await.unwrap().into_inner();
    assert_eq!(preview.decision(), v1::preview_response::Decision::Apply);
    assert_eq!(preview.edits[0].id, "capital");
    let why = v1::PreviewRequest { explain: true, ..ask("What is the capital of France?") };
    let why = client.preview(why).await.unwrap().into_inner();
    assert_eq!(why.considered[0].verdict(), v1::considered_edit::Verdict::Applied);
    assert!(f64::from(why.considered[0].probability) >= why.threshold.unwrap());

    let newer = v1::Content { text: "The capital of France is Nice.".to_owned(), ..v1::Content::default() };
    let newer = v1::SupersedeRequest {
        id: "capital".to_owned(),
        content: Some(newer),
        ..v1::SupersedeRequest::default()
    };
    let written = client.supersede(newer.clone()).await.unwrap().into_inner();
    assert!(written.edit.unwrap().seq > stored.seq);
    let other = v1::Content { text: "The capital of France is Metz.".to_owned(), ..v1::Content::default() };
    let late = v1::SupersedeRequest { seen: Some(stored.seq), content: Some(other), ..newer };
    assert_eq!(refused(client.supersede(late).await).0, Code::Aborted);

    let retire =
        v1::RetireRequest { id: "capital".to_owned(), reason: Some("wrong".to_owned()), author: None };
    let retired = client.retire(retire.clone()).await.unwrap().into_inner();
    assert_eq!(retired.edit.unwrap().status(), v1::Status::Retired);
    assert_eq!(refused(client.retire(retire).await).0, Code::NotFound);
    let get = |as_of| v1::GetRequest { id: "capital".to_owned(), as_of };
    assert_eq!(client.get(get(None)).await.unwrap().into_inner().edit.unwrap().status(), v1::Status::Retired);
    let past = client.get(get(Some(stored.seq))).await.unwrap().into_inner().edit.unwrap();
    assert_eq!(past.content.unwrap().text, "The capital of France is Lyon.");

    let restore = v1::RestoreRequest { id: "capital".to_owned(), ..v1::RestoreRequest::default() };
    client.restore(restore).await.unwrap();
    let back = v1::RollBackRequest { to: stored.seq, ..v1::RollBackRequest::default() };
    let back = client.roll_back(back).await.unwrap().into_inner();
    assert_eq!((back.restored, back.retired), (1, 0));
    let log = client.log(v1::LogRequest { edit: Some("capital".to_owned()), ..v1::LogRequest::default() });
    let kinds: Vec<_> = log.await.unwrap().into_inner().operations.iter().map(v1::Operation::kind).collect();
    use v1::operation::Kind;
    assert_eq!(kinds, [Kind::Add, Kind::Supersede, Kind::Retire, Kind::Restore, Kind::Restore]);
    let diff = v1::DiffRequest { from: 0, to: Some(stored.seq), ..v1::DiffRequest::default() };
    let diff = client.diff(diff).await.unwrap().into_inner().differences;
    assert!(diff.len() == 1 && diff[0].before.is_none() && diff[0].after.is_some());
}

#[tokio::test]
async fn edits_go_in_and_come_out_in_bulk() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = bench.client();
    let one = |edit| v1::ImportRequest { edit, ..v1::ImportRequest::default() };
    let mut requests: Vec<_> = (0..2_500)
        .map(|n| one(Some(edit(&format!("e{n}"), &format!("The price of n{n} is {n}.")))))
        .collect();
    requests.insert(10, one(Some(edit("not fine", "Iron is soft."))));
    requests.insert(20, one(None));
    let report = client.import(futures::stream::iter(requests)).await.unwrap().into_inner();
    assert_eq!((report.added, report.refused), (2_500, 2));
    let problems: Vec<_> =
        report.problems.iter().map(|problem| (problem.line, problem.reason.as_str())).collect();
    assert_eq!(problems[0].0, 11);
    assert_eq!(problems[1], (21, "cannot be read: edit.content is missing"));
    let exported = client.export(v1::ExportRequest::default()).await.unwrap().into_inner();
    let exported: Vec<_> = exported.map(|edit| edit.unwrap().id).collect().await;
    assert_eq!(exported.len(), 2_500);
    let list = |after: &str, as_of| v1::ListRequest { limit: 1_000, after: after.to_owned(), as_of };
    for as_of in [None, Some(report.through)] {
        let (mut after, mut listed) = (String::new(), 0);
        loop {
            let page = client.list(list(&after, as_of)).await.unwrap().into_inner();
            listed += page.edits.len();
            after = page.next;
            if after.is_empty() {
                break;
            }
        }
        assert_eq!(listed, 2_500);
    }
    assert_eq!(refused(client.import(futures::stream::iter([])).await).0, Code::InvalidArgument);
}

#[tokio::test]
async fn a_watch_gives_what_was_and_what_comes() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = bench.client();
    client.add(of("acme", add(vec![edit("a", "Iron is soft.")]))).await.unwrap();
    client.add(of("other", add(vec![edit("secret", "Tin is soft.")]))).await.unwrap();
    let mut watch = client.watch(of("acme", v1::WatchRequest { after: 0 })).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().edit, "a");
    client.add(of("acme", add(vec![edit("b", "Lead is soft.")]))).await.unwrap();
    assert_eq!(watch.message().await.unwrap().unwrap().edit, "b");
    let ahead = client.watch(of("acme", v1::WatchRequest { after: 99 })).await;
    assert_eq!(refused(ahead).0, Code::InvalidArgument);
    bench.lifecycle.drain();
    assert_eq!(watch.message().await.unwrap_err().code(), Code::Unavailable);
    drop((watch, client));
    bench.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let name = |name: &str| TenantId::new(name).unwrap();
    let bench = Bench::new(Tenants::from(vec![name("acme"), name("beta")])).await;
    let mut client = bench.client();
    client
        .add(of("acme", add(vec![edit("ceo", "The chief executive of Nordwind is Ann Bell.")])))
        .await
        .unwrap();
    let question = "Who is the chief executive of Nordwind?";
    let seen = client.preview(of("acme", ask(question))).await.unwrap().into_inner();
    assert_eq!(seen.edits.len(), 1);
    let unseen = client.preview(of("beta", ask(question))).await.unwrap().into_inner();
    assert!(unseen.edits.is_empty() && !unseen.prompt.contains("Ann Bell"));
    let get = v1::GetRequest { id: "ceo".to_owned(), as_of: None };
    assert_eq!(refused(client.get(of("beta", get.clone())).await).0, Code::NotFound);
    assert!(
        client.log(of("beta", v1::LogRequest::default())).await.unwrap().into_inner().operations.is_empty()
    );
    assert!(client.list(of("beta", v1::ListRequest::default())).await.unwrap().into_inner().edits.is_empty());
    assert_eq!(
        refused(client.get(of("gamma", get.clone())).await),
        (Code::NotFound, "x-amend-tenant: the tenant `gamma` is not served here".to_owned())
    );
    assert_eq!(refused(client.get(get).await).0, Code::NotFound, "nor is the default one");
    assert_eq!(refused(client.list(of("a b", v1::ListRequest::default())).await).0, Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_nothing_is_stored() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = bench.client();
    let mut wrong = async |edits| refused(client.add(add(edits)).await);
    let (code, message) = wrong(vec![edit("a", "fine"), edit("b", " ")]).await;
    assert_eq!((code, message.split(' ').next()), (Code::InvalidArgument, Some("edits[1].text")));
    let (code, message) = wrong(vec![edit("a b", "fine")]).await;
    assert_eq!((code, message.split(':').next()), (Code::InvalidArgument, Some("edits[0].id")));
    assert_eq!(wrong(Vec::new()).await.0, Code::InvalidArgument);
    let missing = v1::NewEdit { id: None, content: None };
    assert_eq!(wrong(vec![missing]).await.1, "edits[0].content is missing");
    assert_eq!(bench.editor.count(), 0);
}

#[tokio::test]
async fn health_follows_the_life_of_the_server() {
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    let bench = Bench::new(Tenants::Any).await;
    let mut health = HealthClient::new(bench.channel.clone());
    let check = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let mut whole = health.watch(check("")).await.unwrap().into_inner();
    let mut next = async || whole.message().await.unwrap().unwrap().status();
    assert_eq!(next().await, ServingStatus::NotServing);
    for service in SERVICES {
        let one = health.check(check(service)).await.unwrap().into_inner();
        assert_eq!(one.status(), ServingStatus::Serving, "{service}");
    }
    bench.lifecycle.ready();
    assert_eq!(next().await, ServingStatus::Serving);
    bench.lifecycle.drain();
    assert_eq!(next().await, ServingStatus::NotServing);
}

#[tokio::test]
async fn reflection_describes_the_service() {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let bench = Bench::new(Tenants::Any).await;
    let mut client = ServerReflectionClient::new(bench.channel.clone());
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = ServerReflectionRequest { host: String::new(), message_request };
    let answers = client.server_reflection_info(futures::stream::iter([request])).await.unwrap();
    let answer = answers.into_inner().message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(services)) = answer else { panic!("{answer:?}") };
    let names: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
    assert!(SERVICES.iter().all(|service| names.contains(service)), "{names:?}");
    assert!(names.contains(&"grpc.health.v1.Health"), "{names:?}");
}

#[tokio::test]
async fn the_scope_is_set_for_a_tenant_and_for_all() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = bench.client();
    client
        .add(of("acme", add(vec![edit("ceo", "The chief executive of Nordwind is Ann Bell.")])))
        .await
        .unwrap();
    let question = || of("acme", ask("Who is the chief executive of Nordwind?"));
    let none = v1::ScopeSettings { top_k: Some(0), ..v1::ScopeSettings::default() };
    let all = v1::ScopeOf::AllTenants.into();
    let set = v1::SetScopeRequest { of: all, settings: Some(none.clone()) };
    assert_eq!(client.set_scope(set).await.unwrap().into_inner(), none);
    assert_eq!(client.preview(question()).await.unwrap().into_inner().edits.len(), 0);
    let own = v1::ScopeSettings {
        top_k: Some(3),
        lexical: Some(serde_json::to_string(&amend_editor::ScopeModel::lexical()).unwrap()),
        ..v1::ScopeSettings::default()
    };
    let set = v1::SetScopeRequest { of: 0, settings: Some(own.clone()) };
    assert_eq!(client.set_scope(of("acme", set)).await.unwrap().into_inner(), own);
    assert_eq!(client.preview(question()).await.unwrap().into_inner().edits.len(), 1);
    let whose = |of| v1::GetScopeRequest { of };
    assert_eq!(client.get_scope(whose(all)).await.unwrap().into_inner(), none);
    assert_eq!(client.get_scope(whose(0)).await.unwrap().into_inner(), v1::ScopeSettings::default());
    let wrong = v1::ScopeSettings { lexical: Some("{}".to_owned()), ..v1::ScopeSettings::default() };
    let set = v1::SetScopeRequest { of: 0, settings: Some(wrong) };
    let (code, message) = refused(client.set_scope(set).await);
    assert_eq!((code, message.starts_with("settings.lexical: ")), (Code::InvalidArgument, true), "{message}");
}

#[tokio::test]
async fn a_client_that_never_says_anything_is_let_go() {
    let data = TempDir::new().unwrap();
    let editor = Editor::open(EditorOptions::new(data.path().join("amend.db"))).await.unwrap();
    let edits = EditService::new(editor, Arc::new(ScriptedModel::echo()), Tenants::Any);
    let service = services(edits, &data).await;
    let (lifecycle, listener) = (Lifecycle::starting(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    let limits = ServeLimits {
        max_connections: 2,
        header_timeout: Duration::from_millis(50),
        read_stall: Duration::from_millis(50),
        ..ServeLimits::default()
    };
    tokio::spawn(serve(listener, service, lifecycle, limits));
    let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut half = tokio::net::TcpStream::connect(address).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0").await.unwrap();
    let mut said = Vec::new();
    // Closed, whether in order or not.
    drop(silent.read_to_end(&mut said).await);
    drop(half.read_to_end(&mut said).await);
    let channel = Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut client = EditsClient::new(channel);
    let one =
        v1::ImportRequest { edit: Some(edit("a", "The capital of France is Lyon.")), ..Default::default() };
    let stream = futures::stream::once(async { one }).chain(futures::stream::pending());
    assert_eq!(refused(client.import(stream).await).0, Code::Cancelled, "an import that pauses ends");
    assert_eq!(client.list(v1::ListRequest::default()).await.unwrap().into_inner().edits.len(), 1);
}

#[tokio::test]
async fn a_preference_is_stored_listed_and_removed_by_its_tenant_alone() {
    let bench = Bench::new(Tenants::Any).await;
    let mut client = PreferencesClient::new(bench.channel.clone());
    let wanted = v1::AddPreferenceRequest {
        about: Some(v1::add_preference_request::About::Prompt("Where is Tarn?".to_owned())),
        chosen: "In the north.".to_owned(),
        rejected: "Nowhere.".to_owned(),
        author: Some("ann".to_owned()),
        idempotency_key: Some("k1".to_owned()),
    };
    let stored = client.add_preference(of("acme", wanted.clone())).await.unwrap().into_inner();
    assert_eq!(
        (stored.chosen.as_str(), stored.source()),
        ("In the north.", v1::preference::Source::Preference)
    );
    let again = client.add_preference(of("acme", wanted.clone())).await.unwrap().into_inner();
    assert_eq!(again, stored);
    let other = v1::AddPreferenceRequest { rejected: "Here.".to_owned(), ..wanted.clone() };
    assert_eq!(refused(client.add_preference(of("acme", other)).await).0, Code::AlreadyExists);
    let equal = v1::AddPreferenceRequest { rejected: wanted.chosen.clone(), idempotency_key: None, ..wanted };
    let (code, message) = refused(client.add_preference(of("acme", equal)).await);
    assert_eq!((code, message.starts_with("chosen: ")), (Code::InvalidArgument, true), "{message}");
    let all = v1::ListPreferencesRequest::default();
    let listed = client.list_preferences(of("acme", all)).await.unwrap().into_inner();
    assert_eq!((listed.preferences, listed.next), (vec![stored.clone()], None));
    assert!(client.list_preferences(of("other", all)).await.unwrap().into_inner().preferences.is_empty());
    let id = stored.id;
    let gone = v1::DeletePreferenceRequest { id: id.clone() };
    assert_eq!(refused(client.delete_preference(of("other", gone.clone())).await).0, Code::NotFound);
    client.delete_preference(of("acme", gone)).await.unwrap();
    let get = v1::GetPreferenceRequest { id };
    assert_eq!(refused(client.get_preference(of("acme", get)).await).0, Code::NotFound);
    let unknown = v1::GiveFeedbackRequest {
        completion_id: "chatcmpl-none".to_owned(),
        opinion: Some(v1::give_feedback_request::Opinion::Rating(5)),
        ..Default::default()
    };
    assert_eq!(refused(client.give_feedback(unknown).await).0, Code::NotFound);
}
