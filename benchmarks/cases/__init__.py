"""One file a subject. Each has `measure(stage)`, which gives rows."""
