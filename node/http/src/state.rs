//! What the routes share: the clinic, the settings, the bounds and the counts.

use std::sync::Arc;
use std::time::Duration;

use chaski_clinic::Clinic;
use tokio::sync::Semaphore;

use crate::metrics::Metrics;

/// What a request may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A request's body, in bytes.
    pub body_bytes_max: usize,
    /// Nesting of JSON.
    pub json_depth_max: usize,
    /// How long a body may take to arrive.
    pub body_time_max: Duration,
    /// How long a read or search may take.
    pub read_time_max: Duration,
    /// How long a write may take.
    pub write_time_max: Duration,
    /// Searches and writes at work at once.
    pub at_work_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body_bytes_max: 32 * 1024 * 1024,
            json_depth_max: 100,
            body_time_max: Duration::from_secs(60),
            read_time_max: Duration::from_secs(20),
            write_time_max: Duration::from_secs(120),
            at_work_max: 64,
        }
    }
}

/// Lines that the node adds to `/metrics`: Prometheus text.
pub type ExtraMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// How the interface is served.
#[derive(Clone, Default)]
pub struct HttpSettings {
    /// The base URL in links, such as `https://clinic.example/fhir`; without
    /// one it is made of each request's Host.
    pub base_url: Option<String>,
    /// Served over TLS: links begin with https.
    pub secure: bool,
    /// What a request may cost.
    pub limits: Limits,
    /// The node's own metrics.
    pub extra_metrics: Option<ExtraMetrics>,
}

/// What the routes share. Cheap to clone.
#[derive(Clone)]
pub struct HttpState {
    inner: Arc<Inner>,
}

struct Inner {
    clinic: Arc<Clinic>,
    settings: HttpSettings,
    metrics: Metrics,
    at_work: Arc<Semaphore>,
}

impl HttpState {
    /// The interface over a clinic.
    #[must_use]
    pub fn new(clinic: Arc<Clinic>, settings: HttpSettings) -> HttpState {
        let at_work = Arc::new(Semaphore::new(settings.limits.at_work_max));
        HttpState {
            inner: Arc::new(Inner {
                clinic,
                settings,
                metrics: Metrics::default(),
                at_work,
            }),
        }
    }

    pub(crate) fn clinic(&self) -> &Arc<Clinic> {
        &self.inner.clinic
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.settings.limits
    }

    pub(crate) fn settings(&self) -> &HttpSettings {
        &self.inner.settings
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Places for searches and writes at work.
    pub(crate) fn at_work(&self) -> &Arc<Semaphore> {
        &self.inner.at_work
    }
}
