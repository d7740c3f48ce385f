//! A daemon in this process that is asked over HTTP, as a client would.

use super::BenchError;
use crate::app::{App, AppConfig};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A daemon that serves on a port of its own.
pub struct LocalDaemon {
    /// Where it is asked.
    pub address: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), BenchError>>,
}

impl LocalDaemon {
    /// Serves `config`; when this returns the model answers.
    ///
    /// # Errors
    /// When the daemon cannot be started.
    pub async fn start(config: AppConfig) -> Result<Self, BenchError> {
        let app = App::start(config).await?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = app.clone();
        let serving = tokio::spawn(async move {
            // An error means that nobody asks any more.
            let shutdown = async { drop(stopped.await) };
            serving.serve(listener, shutdown).await?;
            Ok(())
        });
        app.load().await?;
        Ok(Self { address, stop, serving })
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// When it broke.
    pub async fn end(self) -> Result<(), BenchError> {
        drop(self.stop);
        self.serving.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
    }
}
