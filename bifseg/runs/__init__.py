"""Many sessions: shards, schedule, run folder, status, retry, reproduce, replay, provenance, fingerprints."""
