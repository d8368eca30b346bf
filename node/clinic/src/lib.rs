//! What a clinic does: roles, policy decision point, chart views and edits
