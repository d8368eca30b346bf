//! Identity, invitations, QUIC sessions and replication between nodes
