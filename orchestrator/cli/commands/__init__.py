"""One file a verb; each is imported only when its verb is typed, or the help is."""
