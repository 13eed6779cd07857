//! Secrets: files of the spec reach a cluster as Secrets, which a command makes, for no file is read when the spec is compiled.

use super::names::name;
use super::shell;
use crate::ir::{Certificate, CertificateSource, Gateway, Set};

/// What the resources of a target expect in the cluster beside themselves.
pub(in crate::targets) struct Secrets<'a> {
    gateway: &'a Gateway,
    namespace: &'a str,
    named: &'a [(String, Set<String>)],
}

impl<'a> Secrets<'a> {
    /// The Secrets of a namespace; `named` are those that the room names by certificate.
    pub(in crate::targets) fn new(
        gateway: &'a Gateway,
        namespace: &'a str,
        named: &'a [(String, Set<String>)],
    ) -> Self {
        Self {
            gateway,
            namespace,
            named,
        }
    }

    /// The Secret that the room names for a certificate.
    fn chosen(&self, certificate: &Certificate) -> Option<&'a Set<String>> {
        let mut named = self.named.iter();
        let (_, secret) = named.find(|(of, _)| *of == certificate.name)?;
        Some(secret)
    }

    /// The Secret of a certificate; `None` where nobody makes one.
    pub(in crate::targets) fn of(&self, certificate: &Certificate) -> Option<String> {
        match (self.chosen(certificate), &certificate.source) {
            (Some(secret), _) => Some(secret.value.clone()),
            (None, CertificateSource::Files { .. }) => {
                Some(name(&[&self.gateway.name.value, &certificate.name]))
            }
            (None, CertificateSource::Acme { .. }) => None,
        }
    }

    /// The Secret that a certificate has or would have.
    pub(in crate::targets) fn at_least(&self, certificate: &Certificate) -> String {
        let own = || name(&[&self.gateway.name.value, &certificate.name]);
        self.of(certificate).unwrap_or_else(own)
    }

    /// The command that makes the Secret of a certificate, where the room names none.
    pub(in crate::targets) fn command(&self, certificate: &Certificate) -> Option<String> {
        let CertificateSource::Files { cert, key } = &certificate.source else {
            return None;
        };
        self.chosen(certificate).is_none().then(|| {
            let secret = name(&[&self.gateway.name.value, &certificate.name]);
            self.pair(&secret, &cert.value, &key.value)
        })
    }

    /// The command that makes a Secret of a certificate and its key.
    pub(in crate::targets) fn pair(&self, secret: &str, cert: &str, key: &str) -> String {
        format!(
            "kubectl create secret tls {secret} --namespace={} --cert={} --key={}",
            shell(self.namespace),
            shell(cert),
            shell(key)
        )
    }

    /// The command that makes a Secret or a ConfigMap of one file.
    pub(in crate::targets) fn of_file(
        &self,
        kind: &'static str,
        object: &str,
        key: &str,
        file: &str,
    ) -> String {
        self.of_files(kind, object, &[(key, file)])
    }

    /// The command that makes a Secret or a ConfigMap of files, each with its key.
    pub(in crate::targets) fn of_files(
        &self,
        kind: &'static str,
        object: &str,
        files: &[(&str, &str)],
    ) -> String {
        let files = files
            .iter()
            .map(|(key, file)| format!(" --from-file={key}={}", shell(file)));
        let namespace = shell(self.namespace);
        format!(
            "kubectl create {kind} {object} --namespace={namespace}{}",
            files.collect::<String>()
        )
    }
}
