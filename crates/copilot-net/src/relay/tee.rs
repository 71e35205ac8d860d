//! What passed through a relay, for whoever wants to look at it afterwards (`--capture`).

/// The beginnings of what came and of what went, each up to a bound. Nobody is woken for it.
#[derive(Debug, Clone)]
pub struct Tee {
    limit: usize,
    /// What upstream sent.
    pub upstream: Vec<u8>,
    /// What the client was sent.
    pub client: Vec<u8>,
}

impl Tee {
    /// Keeps `limit` bytes of each side; none at all for 0.
    pub(super) fn new(limit: usize) -> Option<Box<Self>> {
        (limit > 0).then(|| Box::new(Self { limit, upstream: Vec::new(), client: Vec::new() }))
    }

    pub(super) fn came(&mut self, piece: &[u8]) {
        keep(&mut self.upstream, piece, self.limit);
    }

    pub(super) fn went(&mut self, piece: &[u8]) {
        keep(&mut self.client, piece, self.limit);
    }
}

fn keep(kept: &mut Vec<u8>, piece: &[u8], limit: usize) {
    let room = limit.saturating_sub(kept.len()).min(piece.len());
    if let Some(piece) = piece.get(..room) {
        kept.extend_from_slice(piece);
    }
}
