//! Certificates made for one test.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::CertifiedKey;
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// A certificate for `localhost` and 127.0.0.1, with the file that makes a client trust it.
pub(crate) struct Certificate {
    key: CertifiedKey<rcgen::KeyPair>,
    pub(crate) folder: PathBuf,
}

static MADE: AtomicUsize = AtomicUsize::new(0);

impl Certificate {
    pub(crate) fn new() -> Self {
        Self::for_names(&["localhost", "127.0.0.1"])
    }

    pub(crate) fn for_names(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let key = rcgen::generate_simple_self_signed(names).unwrap();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("copilot-net-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("root.pem"), key.cert.pem()).unwrap();
        Self { key, folder }
    }

    pub(crate) fn file(&self) -> String {
        self.folder.join("root.pem").to_str().unwrap().to_owned()
    }

    /// What a server needs that offers `protocols`.
    pub(crate) fn acceptor(&self, protocols: &[&str]) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.key.signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.key.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
