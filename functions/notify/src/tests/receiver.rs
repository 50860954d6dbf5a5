//! A receiver on 127.0.0.1 with a certificate of an authority of its own.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) head: String,
    pub(super) body: String,
}

/// What is done about one.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// Status, further headers, body.
    Answer(u16, &'static str, String),
    /// Nothing, for longer than anybody waits.
    Hang,
    /// The connection is cut.
    Reset,
    /// The answer, a byte at a time.
    Drip(String),
    /// The answer, after a while.
    Slow(Duration, String),
}

type Script = dyn Fn(&Request, usize) -> Reply + Send + Sync;

/// The receiver; it ends with the runtime of its test.
#[derive(Clone)]
pub(super) struct Receiver {
    pub(super) url: String,
    pub(super) authorities: TlsContext,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    /// A receiver that answers as `script` says, which is told how many requests for the path came before.
    pub(super) async fn start(
        script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
                .unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let authorities = TlsContext::builder()
            .with_trust_store(TrustStore::empty().with_pem_certificate(cert.pem()))
            .build()
            .unwrap();
        let receiver = Self {
            url: format!("https://localhost:{port}"),
            authorities,
            requests: Arc::default(),
        };
        let (requests, script): (_, Arc<Script>) = (receiver.requests.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, requests, script) =
                    (acceptor.clone(), requests.clone(), script.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, &requests, &*script).await;
                    }
                });
            }
        });
        receiver
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(super) fn requests_to(&self, path: &str) -> Vec<Request> {
        let requests = self.requests().into_iter();
        requests.filter(|request| request.path == path).collect()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    requests: &Mutex<Vec<Request>>,
    script: &Script,
) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let reply = {
        let mut requests = requests.lock().unwrap();
        let earlier = requests
            .iter()
            .filter(|known| known.path == request.path)
            .count();
        requests.push(request.clone());
        script(&request, earlier)
    };
    let answer = |status: u16, headers: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        )
    };
    match reply {
        Reply::Answer(status, headers, body) => {
            let _ = stream
                .write_all(answer(status, headers, &body).as_bytes())
                .await;
            let _ = stream.shutdown().await;
        }
        Reply::Hang => tokio::time::sleep(Duration::from_mins(1)).await,
        Reply::Reset => {}
        Reply::Drip(body) => {
            for byte in answer(200, "", &body).bytes() {
                if stream.write_all(&[byte]).await.is_err() {
                    return;
                }
                let _ = stream.flush().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Reply::Slow(after, body) => {
            tokio::time::sleep(after).await;
            let _ = stream.write_all(answer(200, "", &body).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if body.len() >= length {
                let path = text.split(' ').nth(1)?.to_owned();
                return Some(Request {
                    path,
                    head,
                    body: body.to_owned(),
                });
            }
        }
        let mut part = [0; 8192];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}
