//! A sandbox for the end-to-end tests: the real daemon as a process of its own, on port 0, with a temporary data
//! folder. It is killed and its folder removed when the sandbox is dropped.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

/// How long a daemon may take until it is ready, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// Bytes that are kept of what a daemon says on each of its outputs.
const MAX_SAID: usize = 1 << 20;

/// A data folder and the way to start daemons on it, one after the other.
pub struct Sandbox {
    program: PathBuf,
    data: TempDir,
    args: Vec<String>,
}

/// A running daemon. Dropping it kills it.
pub struct Daemon {
    child: Child,
    address: String,
    http: reqwest::Client,
    said: Vec<JoinHandle<String>>,
}

impl Sandbox {
    /// A fresh data folder; `program` is the path of `amend`, `args` follow `serve`.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new(program: impl Into<PathBuf>, args: &[&str]) -> anyhow::Result<Self> {
        let args = args.iter().map(ToString::to_string).collect();
        Ok(Self { program: program.into(), data: TempDir::new()?, args })
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// A command of the program under test with no inherited configuration.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AMEND_"))
        {
            command.env_remove(name);
        }
        command
    }

    /// Starts a daemon and waits until it is ready.
    ///
    /// # Errors
    /// When it ends, or is not ready within a minute; the error holds what it printed.
    pub async fn start(&self) -> anyhow::Result<Daemon> {
        let data = self.data.path().to_str().context("the temporary folder's name is not UTF-8")?;
        let mut args = vec!["serve", "--listen", "127.0.0.1:0", "--data-dir", data];
        args.extend(self.args.iter().map(String::as_str));
        let mut child = self.command(&args).spawn().context("failed to start the daemon")?;
        let deadline = Instant::now() + START;
        let stderr = child.stderr.take().context("the daemon's stderr is piped")?;
        let stdout = child.stdout.take().context("the daemon's stdout is piped")?;
        let (address, said) = timeout_at(deadline, address_in(stderr, stdout))
            .await
            .context("the daemon did not say where it listens within a minute")??;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(60)).build()?;
        let daemon = Daemon { child, address, http, said };
        timeout_at(deadline, daemon.ready()).await.context("the daemon was not ready within a minute")??;
        Ok(daemon)
    }
}

/// Reads the daemon's log until it names its address, then keeps reading so that the pipes never fill; the readers end
/// with what it said.
async fn address_in(
    stderr: impl AsyncRead + Unpin + Send + 'static,
    stdout: impl AsyncRead + Unpin + Send + 'static,
) -> anyhow::Result<(String, Vec<JoinHandle<String>>)> {
    let (found, mut addresses) = tokio::sync::mpsc::unbounded_channel();
    let mut readers = vec![drain(stderr, found.clone())];
    readers.push(drain(stdout, found));
    match addresses.recv().await {
        Some(address) => Ok((address, readers)),
        None => {
            let mut said = String::new();
            for reader in readers {
                said.push_str(&reader.await.unwrap_or_default());
            }
            bail!("the daemon ended before it listened; it said:\n{said}")
        }
    }
}

fn drain(
    from: impl AsyncRead + Unpin + Send + 'static,
    found: tokio::sync::mpsc::UnboundedSender<String>,
) -> JoinHandle<String> {
    tokio::spawn(async move {
        let mut lines = BufReader::new(from).lines();
        let mut said = String::new();
        let mut found = Some(found);
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(start) = line.find("http://127.0.0.1:").filter(|_| found.is_some()) {
                let port: String = line[start + "http://127.0.0.1:".len()..]
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect();
                if let Some(found) = found.take() {
                    // The receiver is gone only when the other pipe was faster.
                    let _ = found.send(format!("http://127.0.0.1:{port}"));
                }
            }
            if said.len() < MAX_SAID {
                said.push_str(&line);
                said.push('\n');
            }
        }
        said
    })
}

impl Daemon {
    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The whole address of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// A client that keeps connections.
    #[must_use]
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The daemon's process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    async fn ready(&self) -> anyhow::Result<()> {
        let mut polls = tokio::time::interval(Duration::from_millis(10));
        loop {
            polls.tick().await;
            let response = self.http.get(self.url("/readyz")).send().await;
            if response.is_ok_and(|r| r.status().is_success()) {
                return Ok(());
            }
        }
    }

    /// Posts JSON; gives the status, the headers and the JSON answer (null when it is none).
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        Answer::of(self.http.post(self.url(path)).json(body).send().await?).await
    }

    /// Gets JSON.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::of(self.http.get(self.url(path)).send().await?).await
    }

    /// Deletes.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::of(self.http.delete(self.url(path)).send().await?).await
    }

    /// Asks one question greedily; gives the answer's text.
    ///
    /// # Errors
    /// When the daemon does not answer it.
    pub async fn ask(&self, question: &str) -> anyhow::Result<String> {
        let body = json!({"model": "default", "temperature": 0, "messages": [{"role": "user", "content": question}]});
        let answer = self.post("/v1/chat/completions", &body).await?;
        let text = answer.body.pointer("/choices/0/message/content").and_then(Value::as_str);
        text.map(str::to_owned).with_context(|| format!("{} {}", answer.status, answer.body))
    }

    /// The sum of a metric's series.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let text = self.http.get(self.url("/metrics")).send().await?.text().await?;
        let series = text.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ') || rest.starts_with('{'))
        });
        Ok(series.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Resident memory in bytes, from `/proc`.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let pid = self.pid().context("the daemon has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS in /proc")?;
        let kilobytes: u64 = line.split_whitespace().nth(1).context("VmRSS has no value")?.parse()?;
        Ok(kilobytes * 1024)
    }

    /// `kill -9`, and waits until the process is gone.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("failed to kill the daemon")
    }

    /// Asks it to end, as a service manager does, and waits; gives the exit code.
    ///
    /// # Errors
    /// When it does not end within a minute.
    pub async fn terminate(self) -> anyhow::Result<Option<i32>> {
        Ok(self.last_words().await?.0)
    }

    /// As [`terminate`](Self::terminate); gives also what it printed, the first megabyte of each output.
    ///
    /// # Errors
    /// As [`terminate`](Self::terminate).
    pub async fn last_words(mut self) -> anyhow::Result<(Option<i32>, String)> {
        let pid = self.pid().context("the daemon has ended")?;
        let sent = Command::new("kill").arg("-TERM").arg(pid.to_string()).status().await?;
        anyhow::ensure!(sent.success(), "failed to signal the daemon");
        let status =
            timeout(START, self.child.wait()).await.context("the daemon did not end within a minute")??;
        let mut said = String::new();
        for reader in self.said {
            said.push_str(&reader.await?);
        }
        Ok((status.code(), said))
    }
}

/// An HTTP answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The JSON body; null when it is none.
    pub body: Value,
}

impl Answer {
    async fn of(response: reqwest::Response) -> anyhow::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        Ok(Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }

    /// A header's text, empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
