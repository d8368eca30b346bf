//! Configuration, wiring, telemetry and lifecycle of a node
