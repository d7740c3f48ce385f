//! `amend serve`: the daemon.

use crate::{
    app::{App, AppConfig, Listeners},
    cli::{gating::GatingArgs, synth::SynthServeArgs, training::TrainingArgs},
    engine::{DeviceChoice, Dtype, LOG_DIRECTIVES, Quantization},
    telemetry::{LogFormat, init_logs},
};
use amend_editor::ScopeSettings;
use amend_proto::{ModelId, TenantId, wire::KeepRule};
use anyhow::Context;
use clap::Args;
use std::{
    io::{IsTerminal, stderr},
    net::{SocketAddr, ToSocketAddrs},
    num::NonZeroUsize,
    path::PathBuf,
    time::Duration,
};
use tokio::net::TcpListener;

/// Arguments of `amend serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  amend                                             the built-in model on 127.0.0.1:8080
  amend serve --model ./my-model                    a Hugging Face folder
  amend serve --model Qwen/Qwen3-0.6B               from the Hugging Face hub
  amend serve --model ./model.q4_k_m.gguf           one GGUF file
  AMEND_LISTEN=127.0.0.1:9000 amend                 every option is also an environment variable")]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "AMEND_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS", value_parser = address)]
    pub listen: SocketAddr,
    /// Where to listen for gRPC (edits, preferences, jobs, revisions, health, reflection); without it gRPC is not served
    #[arg(long, env = "AMEND_GRPC_LISTEN", value_name = "ADDRESS", value_parser = address)]
    pub grpc_listen: Option<SocketAddr>,
    /// Where edits and models are kept [default: amend in the user's data folder]
    #[arg(long, env = "AMEND_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The model: `atlas` (built in), a folder, a .gguf file, or a hub id such as org/name
    #[arg(long, env = "AMEND_MODEL", default_value = "atlas", value_name = "MODEL")]
    pub model: String,
    /// The name that clients ask for [default: from the model]
    #[arg(long, env = "AMEND_MODEL_ID", value_name = "NAME")]
    pub model_id: Option<ModelId>,
    /// The number format: auto, f32, f16 or bf16
    #[arg(long, env = "AMEND_DTYPE", default_value = "auto")]
    pub dtype: Dtype,
    /// Quantise while loading: q4k, q8_0, …
    #[arg(long, env = "AMEND_QUANTIZE", value_name = "KIND")]
    pub quantize: Option<Quantization>,
    /// What computes: auto, cpu, cuda, cuda:N, metal, metal:N
    #[arg(long, env = "AMEND_DEVICE", default_value = "auto")]
    pub device: DeviceChoice,
    /// Most tokens of prompt and answer together [default: what the model was made for]
    #[arg(long, env = "AMEND_MAX_CONTEXT", value_name = "TOKENS")]
    pub max_context: Option<NonZeroUsize>,
    /// Requests inside the engine at a time [default: what was measured best for the device]
    #[arg(long, env = "AMEND_SLOTS", value_name = "N")]
    pub slots: Option<NonZeroUsize>,
    /// Requests that may wait; one more gets 429
    #[arg(long, env = "AMEND_QUEUE", default_value_t = crate::admission::DEFAULT_CAPACITY, value_name = "N")]
    pub queue: usize,
    /// A template of your own for putting edits in front of a question [default: the model's, else that of its family in
    /// edit-templates/ of the data folder, else Amend's]
    #[arg(long, env = "AMEND_EDIT_TEMPLATE", value_name = "FILE")]
    pub edit_template: Option<PathBuf>,
    /// The most edits in front of one question, 0 to 16; PUT /v1/edit-scope sets it for one tenant [default: 3]
    #[arg(long, env = "AMEND_MAX_EDITS", value_name = "N")]
    pub max_edits: Option<usize>,
    /// The most tokens of edits in front of one question, never more than a quarter of the model's context; what does not
    /// fit is dropped, the worst first [default: 1024]
    #[arg(long, env = "AMEND_MAX_EDIT_TOKENS", value_name = "TOKENS")]
    pub max_edit_tokens: Option<usize>,
    /// Serve these tenants and no other; without it, every tenant that a request names
    #[arg(long = "tenant", env = "AMEND_TENANTS", value_delimiter = ',', value_name = "NAME")]
    pub tenants: Vec<TenantId>,
    /// On a loopback address, also answer requests that name these hosts (what a proxy on this machine passes on); others
    /// than localhost get 421
    #[arg(long = "allow-host", env = "AMEND_ALLOW_HOSTS", value_delimiter = ',', value_name = "NAME")]
    pub allow_hosts: Vec<String>,
    /// A sentence encoder (BERT family) that finds edits by what they mean: a folder or a hub id [default: none, words find
    /// them]
    #[arg(long, env = "AMEND_ENCODER", value_name = "MODEL")]
    pub encoder: Option<String>,
    /// Keep all chat completions for feedback, not only those whose request says `"store": true`; PUT
    /// /v1/preference-settings decides it for one tenant
    #[arg(long, env = "AMEND_KEEP_ALL")]
    pub keep_all: bool,
    /// Days that a completion is kept
    #[arg(long, env = "AMEND_KEEP_DAYS", default_value_t = 30, value_name = "DAYS")]
    pub keep_days: u32,
    /// The most completions that are kept of a tenant; the oldest go first
    #[arg(long, env = "AMEND_KEEP_COMPLETIONS", default_value_t = 10_000, value_name = "N")]
    pub keep_completions: u64,
    /// The most preferences of a tenant; one more is refused
    #[arg(long, env = "AMEND_MAX_PREFERENCES", default_value_t = 200_000, value_name = "N")]
    pub max_preferences: u64,
    /// How it trains.
    #[command(flatten)]
    pub training: TrainingArgs,
    /// What a revision has to show.
    #[command(flatten)]
    pub gating: GatingArgs,
    /// What jobs may make training data from.
    #[command(flatten)]
    pub synth: SynthServeArgs,
    /// Seconds that requests in flight may take to finish when the daemon is told to stop
    #[arg(long, env = "AMEND_DRAIN_SECONDS", default_value_t = 30, value_name = "SECONDS")]
    pub drain_seconds: u64,
    /// What to log: a level, or levels by module
    #[arg(long, env = "AMEND_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
    /// Log lines as text or json
    #[arg(long, env = "AMEND_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// Serves until SIGTERM or Ctrl-C.
///
/// # Errors
/// When the address is taken, the data folder is in use, or the model cannot be loaded.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    init_logs(args.log_format, &format!("{},{}", args.log, LOG_DIRECTIVES.join(",")))?;
    let http = bind(args.listen, "--listen").await?;
    let grpc = match args.grpc_listen {
        Some(address) => Some(bind(address, "--grpc-listen").await?),
        None => None,
    };
    let address = http.local_addr()?;
    let grpc_address = grpc.as_ref().map(TcpListener::local_addr).transpose()?;
    let listeners = Listeners { http, grpc };
    let config = config(args)?;
    let app = App::start(config).await?;
    eprintln!("amend listens on http://{address}");
    if let Some(address) = grpc_address {
        eprintln!("gRPC listens on {address}");
    }
    let loaded = app.clone();
    let hints = stderr().is_terminal();
    let (failed, failure) = tokio::sync::oneshot::channel();
    let loading = tokio::spawn(async move {
        match loaded.load().await {
            Ok(info) => announce(&format!("http://{address}"), &info, hints),
            // The receiver is gone only when the daemon is already going down.
            Err(error) => drop(failed.send(error)),
        }
    });
    let mut outcome = Ok(());
    let shutdown = async {
        tokio::select! {
            () = told_to_stop() => {}
            Ok(error) = failure => outcome = Err(error),
        }
    };
    app.serve(listeners, shutdown).await?;
    loading.abort();
    outcome.context("failed to load the model")
}

async fn bind(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("failed to listen on {address}; give another address with {option}"))
}

/// An address, or a name with a port: `localhost:8080`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let found =
        text.to_socket_addrs().map_err(|error| format!("{error}; give one such as 127.0.0.1:8080"))?;
    let mut found: Vec<SocketAddr> = found.collect();
    // What most clients try first.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| "the name has no address".to_owned())
}

fn config(args: ServeArgs) -> anyhow::Result<AppConfig> {
    let data_dir = match args.data_dir {
        Some(dir) => dir,
        None => dirs::data_dir()
            .context("failed to find the user's data folder; give one with --data-dir")?
            .join("amend"),
    };
    let mut config = AppConfig::new(data_dir, &args.model)?;
    config.engine.model_id = args.model_id;
    config.engine.dtype = args.dtype;
    config.engine.quantization = args.quantize;
    config.engine.device = args.device;
    config.engine.max_context = args.max_context;
    config.engine.slots = args.slots;
    config.queue = args.queue;
    config.edit_template = args.edit_template;
    let settings =
        ScopeSettings { top_k: args.max_edits, max_tokens: args.max_edit_tokens, ..ScopeSettings::default() };
    config.policy = settings.over(&config.policy)?;
    config.encoder = args.encoder;
    config.training = args.training.settings()?;
    config.gates = args.gating.settings(config.gates.policy)?;
    config.synth = args.synth.settings()?;
    config.tenants = args.tenants.into();
    let preferences = &mut config.preferences;
    preferences.keep = if args.keep_all { KeepRule::All } else { KeepRule::Asked };
    preferences.max_age = Duration::from_secs(u64::from(args.keep_days) * 24 * 3600);
    preferences.max_completions = args.keep_completions;
    preferences.max_pairs = args.max_preferences;
    config.allowed_hosts = args.allow_hosts.iter().map(|name| name.to_ascii_lowercase()).collect();
    config.serve.drain_deadline = Duration::from_secs(args.drain_seconds);
    Ok(config)
}

/// What a person at the terminal is told to try; the log has the same facts for everybody else.
fn announce(address: &str, info: &amend_proto::ModelInfo, hints: bool) {
    eprintln!("ready: {} ({})", info.id, info.description);
    if hints {
        eprintln!("{}", include_str!("hints.txt").replace("{address}", address).trim_end());
    }
}

/// Resolves with Ctrl-C, or with the signal that service managers end a process by.
pub(super) async fn told_to_stop() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            },
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be caught; only Ctrl-C ends the daemon in order");
                let _ = interrupt.await;
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupt.await;
    }
}
