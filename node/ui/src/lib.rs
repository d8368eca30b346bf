//! Server-rendered pages for clinicians
