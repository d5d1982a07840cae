"""What a loader does: read the topic, gather batches, bring each into the warehouse once."""
