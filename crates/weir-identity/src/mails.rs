//! Mails on their way: handed over at once and sent one after the other, so that no answer takes longer because a mail
//! goes out with it.

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use weir_mail::{Mailer, Message};

/// So many mails may wait; the server that takes them is slow or away if there are more.
const MAX_WAITING: usize = 256;

pub(crate) struct Mails {
    sending: Mutex<Option<(mpsc::Sender<Message>, JoinHandle<()>)>>,
    mailer: Mailer,
}

impl Mails {
    pub(crate) fn start(mailer: Mailer) -> Self {
        let (sender, waiting) = mpsc::channel(MAX_WAITING);
        let worker = tokio::spawn(send_all(mailer.clone(), waiting));
        Self { sending: Mutex::new(Some((sender, worker))), mailer }
    }

    /// Sends it in a while. Whoever asked is not told whether it went: they could learn from it who has an account.
    pub(crate) fn post(&self, message: Message) {
        let posted = match &*self.sending.lock() {
            Some((sender, _)) => sender.try_send(message).is_ok(),
            None => false,
        };
        if !posted {
            tracing::error!("a mail was not sent: too many are waiting, or weir is stopping");
        }
    }

    /// Sends it now.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), weir_mail::Error> {
        self.mailer.send(message).await
    }

    /// Sends what waits, and takes no more.
    pub(crate) async fn finish(&self) {
        let Some((sender, worker)) = self.sending.lock().take() else { return };
        drop(sender);
        if let Err(error) = worker.await {
            tracing::error!(%error, "mails were left unsent");
        }
    }
}

async fn send_all(mailer: Mailer, mut waiting: mpsc::Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        if let Err(error) = mailer.send(&message).await {
            tracing::error!(%error, "a mail was not sent");
        }
    }
}
