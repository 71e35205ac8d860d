//! Whom to trust: the TLS settings, loaded once, at the first TLS connection.

use std::{
    collections::HashMap,
    env,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::sync::Mutex;

/// TLS settings, for as long as the client lives.
pub(super) struct Tls {
    /// Towards the hosts of calls.
    pub(super) host: Arc<ClientConfig>,
    /// Towards proxies, which speak HTTP/1.1.
    pub(super) proxy: Arc<ClientConfig>,
    /// The setting that names certificates which could not be read.
    pub(super) unread: Option<&'static str>,
}

type Loaded = Result<Tls, String>;

/// Reading the system's store takes tens of milliseconds of blocking work: never at start-up, never on a
/// worker, once.
pub(super) struct Roots {
    sources: Sources,
    loaded: Arc<OnceLock<Loaded>>,
    /// Held while loading, so that a burst of first calls does not take a blocking thread each.
    turn: Mutex<()>,
}

impl Roots {
    pub(super) fn new(environ: &HashMap<String, String>) -> Self {
        Self { sources: Sources::of(environ), loaded: Arc::default(), turn: Mutex::new(()) }
    }

    /// Returns the settings; an error in words.
    pub(super) async fn get(&self) -> Result<&Tls, String> {
        if self.loaded.get().is_none() {
            let _turn = self.turn.lock().await;
            if self.loaded.get().is_none() {
                let (loaded, sources) = (Arc::clone(&self.loaded), self.sources.clone());
                // A caller that goes away leaves the work running; the next one waits for it in the cell.
                tokio::task::spawn_blocking(move || {
                    loaded.get_or_init(|| sources.load());
                })
                .await
                .map_err(|_| "loading the certificates was stopped".to_owned())?;
            }
        }
        match self.loaded.get() {
            Some(Ok(tls)) => Ok(tls),
            Some(Err(error)) => Err(error.clone()),
            None => Err("loading the certificates was stopped".to_owned()),
        }
    }
}

#[derive(Clone)]
struct Sources {
    file: Option<PathBuf>,
    directories: Vec<PathBuf>,
    extra: Option<PathBuf>,
}

impl Sources {
    fn of(environ: &HashMap<String, String>) -> Self {
        let set = |name| environ.get(name).filter(|value| !value.is_empty());
        Self {
            file: set("SSL_CERT_FILE").map(PathBuf::from),
            directories: set("SSL_CERT_DIR")
                .map(|paths| env::split_paths(paths).collect())
                .unwrap_or_default(),
            extra: set("NODE_EXTRA_CA_CERTS").map(PathBuf::from),
        }
    }

    fn is_set(&self) -> bool {
        self.file.is_some() || !self.directories.is_empty()
    }

    fn load(&self) -> Loaded {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.system());
        let mut unread = None;
        if store.is_empty() {
            if self.is_set() {
                // Whoever narrows the trust must not get a wider one by a slip of the pen.
                return Err("SSL_CERT_FILE or SSL_CERT_DIR name no certificate that can be read".to_owned());
            }
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if let Some(extra) = &self.extra {
            let (added, _) = store.add_parsable_certificates(read(extra));
            if added == 0 {
                unread = Some("NODE_EXTRA_CA_CERTS");
            }
        }
        let base = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(store)
            .with_no_client_auth();
        let mut host = base.clone();
        host.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { host: Arc::new(host), proxy: Arc::new(base), unread })
    }

    /// The system's store, or what the settings name instead of it.
    fn system(&self) -> Vec<CertificateDer<'static>> {
        if !self.is_set() {
            return rustls_native_certs::load_native_certs().certs;
        }
        let mut found = rustls_native_certs::load_certs_from_paths(self.file.as_deref(), None).certs;
        for directory in &self.directories {
            found.extend(rustls_native_certs::load_certs_from_paths(None, Some(directory)).certs);
        }
        found
    }
}

fn read(file: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file)
        .map(|found| found.filter_map(Result::ok).collect())
        .unwrap_or_default()
}
